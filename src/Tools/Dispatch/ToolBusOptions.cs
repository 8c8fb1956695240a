namespace AgentRollout.Tools.Dispatch;

/// <summary>How calls reach the processes that run tools.</summary>
public sealed class ToolBusOptions
{
    /// <summary>The group of every tool that <see cref="Groups"/> does not name.</summary>
    public const string DefaultGroup = "default";

    /// <summary>The broker as <c>amqp://user:password@host:port/vhost</c>, or <c>amqps</c> for TLS.</summary>
    public required Uri Broker { get; init; }

    /// <summary>Tool groups by name; each has a queue of its own. Default: none, so that all tools share <see cref="DefaultGroup"/>.</summary>
    public IReadOnlyDictionary<string, ToolBusGroup> Groups { get; init; } = new Dictionary<string, ToolBusGroup>();

    /// <summary>A worker that has not been heard of for this long is gone, and what it kept for trajectories with it. Default 10 s; at least 0.1 s.</summary>
    public TimeSpan WorkerSilence { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a worker that stops lets running calls go on. Default 30 s.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often workers let hear of them.</summary>
    internal TimeSpan WorkerPulse => WorkerSilence / 5;

    /// <summary>The groups that have a queue.</summary>
    internal IEnumerable<string> GroupNames => Groups.Keys.Append(DefaultGroup).Distinct();

    internal ToolBusGroup SettingsOf(string group) => Groups.GetValueOrDefault(group) ?? new ToolBusGroup();

    internal string GroupOf(string tool)
    {
        foreach ((string name, ToolBusGroup group) in Groups)
        {
            if (group.Tools.Contains(tool))
                return name;
        }

        return DefaultGroup;
    }
}

/// <summary>Tools that share a queue. Tools that share state belong in the same one.</summary>
public sealed record ToolBusGroup
{
    /// <summary>The tools of the group.</summary>
    public IReadOnlyList<string> Tools { get; init; } = [];

    /// <summary>Most calls that a worker takes from the queue at once; the others stay there for other workers. Default 64, 1 to 65,535.</summary>
    public int Prefetch { get; init; } = 64;

    /// <summary>Most calls that a worker runs at once. Default: as many as it has in hand.</summary>
    public int? ConcurrentCalls { get; init; }

    /// <summary>Most calls that a worker starts per second, evenly spread. Default: no limit.</summary>
    public double? CallsPerSecond { get; init; }

    /// <summary>What becomes of a trajectory whose state was lost with its worker. Default: rebuilt.</summary>
    public LostStatePolicy LostState { get; init; }
}

/// <summary>What becomes of a trajectory whose state was lost with its worker (<see cref="ToolSpec.KeepsState"/>).</summary>
public enum LostStatePolicy
{
    /// <summary>Its calls so far are played again, in order, at another worker before it goes on.</summary>
    Rebuild,

    /// <summary>The call that runs, or else the next one, ends as <see cref="ToolFailure.StateLost"/>; the trajectory goes on with nothing kept.</summary>
    Report,
}
