namespace AgentRollout.Tools.Dispatch;

/// <summary>How calls reach the processes that run tools.</summary>
public sealed class ToolBusOptions
{
    /// <summary>The group of every tool that <see cref="Groups"/> does not name.</summary>
    public const string DefaultGroup = "default";

    /// <summary>The broker as <c>amqp://user:password@host:port/vhost</c>, or <c>amqps</c> for TLS.</summary>
    public required Uri Broker { get; init; }

    /// <summary>Tool groups by name; each has a queue of its own. Default: none, so that all tools share <see cref="DefaultGroup"/>.</summary>
    public IReadOnlyDictionary<string, ToolGroup> Groups { get; init; } = new Dictionary<string, ToolGroup>();

    /// <summary>The groups that have a queue.</summary>
    internal IEnumerable<string> GroupNames => Groups.Keys.Append(DefaultGroup).Distinct();

    internal ToolGroup SettingsOf(string group) => Groups.GetValueOrDefault(group) ?? new ToolGroup();

    internal string GroupOf(string tool)
    {
        foreach ((string name, ToolGroup group) in Groups)
        {
            if (group.Tools.Contains(tool))
                return name;
        }

        return DefaultGroup;
    }
}

/// <summary>Tools that share a queue and limits. The limits hold for each worker.</summary>
public sealed record ToolGroup
{
    /// <summary>The tools of the group.</summary>
    public IReadOnlyList<string> Tools { get; init; } = [];

    /// <summary>Most calls that a worker takes from the queue at once; the others stay there for other workers. Default 64, 1 to 65,535.</summary>
    public int Prefetch { get; init; } = 64;

    /// <summary>Most calls that a worker starts within a second. Default 0: no limit.</summary>
    public int CallsPerSecond { get; init; }
}
