using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Replay;

/// <summary>Where a replay is. Every one reaches exactly one of the last three.</summary>
[JsonConverter(typeof(SnakeCaseEnum<ReplayState>))]
internal enum ReplayState
{
    /// <summary>It waits for its turn.</summary>
    Queued,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It has its result, whatever that says.</summary>
    Completed,

    /// <summary>Somebody cancelled it, or the server stopped.</summary>
    Cancelled,

    /// <summary>It could not be made; the error says why.</summary>
    Failed,
}
