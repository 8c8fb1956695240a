using System.ComponentModel.DataAnnotations;
using AgentRollout.Gateway.Errors;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway;

/// <summary>How tool calls travel.</summary>
internal enum ToolTransport
{
    /// <summary>Within the server's process.</summary>
    InMemory,

    /// <summary>To <c>agentrollout tool-worker</c> processes, over RabbitMQ.</summary>
    Rabbitmq,
}

/// <summary>The way of tool calls: the member <c>tool_bus</c> of the settings of <c>serve</c> and <c>tool-worker</c>.</summary>
internal sealed record ToolBusSettings
{
    /// <summary>Default <c>in_memory</c>.</summary>
    public ToolTransport Transport { get; set; }

    /// <summary>The environment variable that holds the broker's <c>amqp</c> URL, so that no password stands in a file. Default <c>AGENTROLLOUT_RABBITMQ_URL</c>.</summary>
    public string UrlVariable { get; set; } = "AGENTROLLOUT_RABBITMQ_URL";

    /// <inheritdoc cref="ToolBusOptions.WorkerSilence"/>
    [Range(1, 600)]
    public int WorkerSilenceSeconds { get; set; } = 10;

    /// <summary>How long a worker that stops lets running calls go on, in seconds. Default 30.</summary>
    [Range(0, 3_600)]
    public int DrainSeconds { get; set; } = 30;

    /// <summary>Most calls of the server that are under way to workers; others wait in the server, where rollouts take turns. Default 1,024.</summary>
    [Range(1, 65_536)]
    public int CallsInFlight { get; set; } = 1_024;

    /// <summary>Tools with a queue of their own. Default none: all share the group <c>default</c>.</summary>
    public IReadOnlyList<ToolGroupSettings> Groups { get; set; } = [];

    /// <summary>The same in the words of the tools; null for the bus in memory.</summary>
    /// <exception cref="InvalidInputException">The settings do not go together, or the variable holds no broker's URL.</exception>
    public ToolBusOptions? ToOptions()
    {
        if (Transport == ToolTransport.InMemory)
            return null;
        CheckGroups();
        return new ToolBusOptions
        {
            Broker = ReadUrl(),
            WorkerSilence = TimeSpan.FromSeconds(WorkerSilenceSeconds),
            Drain = TimeSpan.FromSeconds(DrainSeconds),
            Groups = Groups.ToDictionary(
                group => group.Name,
                group => new ToolBusGroup
                {
                    Tools = group.Tools,
                    Prefetch = group.Prefetch,
                    ConcurrentCalls = group.ConcurrentCalls,
                    CallsPerSecond = group.CallsPerSecond,
                    LostState = group.LostState,
                }),
        };
    }

    private void CheckGroups()
    {
        if (Groups.FirstOrDefault(group => group.Name is "" || !group.Name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-')) is { } bad)
            throw Invalid($"Group name '{bad.Name}' of 'tool_bus.groups' must have letters, digits and dashes only.");
        if (Groups.GroupBy(group => group.Name).FirstOrDefault(same => same.Count() > 1)?.Key is { } repeated)
            throw Invalid($"Group '{repeated}' stands twice in 'tool_bus.groups'.");
        if (Groups.SelectMany(group => group.Tools).GroupBy(tool => tool).FirstOrDefault(same => same.Count() > 1)?.Key is { } twice)
            throw Invalid($"Tool '{twice}' stands twice in 'tool_bus.groups'.");
        // The one sandbox of a trajectory is at one worker, which a group finds.
        if (SandboxTools.Names.Select(tool => Groups.FirstOrDefault(group => group.Tools.Contains(tool))?.Name).Distinct().Count() > 1)
            throw Invalid($"The sandboxed tools {string.Join(", ", SandboxTools.Names)} must all stand in the same group of 'tool_bus.groups', or none of them.");
    }

    private Uri ReadUrl()
    {
        string? text = Environment.GetEnvironmentVariable(UrlVariable);
        if (string.IsNullOrEmpty(text))
            throw Invalid($"Environment variable '{UrlVariable}' is not set; it must hold the broker's URL, amqp://USER:PASSWORD@HOST:PORT/VHOST.");
        // The value may hold a password, so the sentence does not repeat it.
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url is { Scheme: "amqp" or "amqps" }
            ? url
            : throw Invalid($"Environment variable '{UrlVariable}' does not hold a URL that starts with amqp:// or amqps://.");
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}

/// <summary>Tools that share a queue.</summary>
internal sealed record ToolGroupSettings
{
    /// <summary>Letters, digits and dashes.</summary>
    public required string Name { get; set; }

    /// <summary>Names of its tools; a tool is in one group.</summary>
    public required IReadOnlyList<string> Tools { get; set; }

    /// <summary>Most calls that a worker has in hand. Default 64.</summary>
    [Range(1, 65_535)]
    public int Prefetch { get; set; } = 64;

    /// <summary>Most calls that a worker runs at once. Default: as many as it has in hand.</summary>
    [Range(1, 65_535)]
    public int? ConcurrentCalls { get; set; }

    /// <summary>Most calls that a worker starts per second, evenly spread. Default: no limit.</summary>
    [Range(0.001, 1_000_000.0)]
    public double? CallsPerSecond { get; set; }

    /// <summary>What becomes of a trajectory whose state was lost with its worker. Default <c>rebuild</c>.</summary>
    public LostStatePolicy LostState { get; set; }
}
