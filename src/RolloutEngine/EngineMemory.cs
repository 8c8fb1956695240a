namespace AgentRollout.RolloutEngine;

/// <summary>Memory that an engine can lend to others for a while.</summary>
[Flags]
public enum EngineMemory
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The weights; they are read again when they are resumed.</summary>
    Weights = 1,

    /// <summary>Keys and values, cached ones included.</summary>
    KvCache = 2,

    /// <summary>Both.</summary>
    All = Weights | KvCache,
}

/// <summary>Memory that was given back to the system.</summary>
/// <param name="WeightBytes">Of the weights.</param>
/// <param name="KvCacheBytes">Of keys and values: pages that were never written took none.</param>
public sealed record ReleasedMemory(long WeightBytes, long KvCacheBytes);
