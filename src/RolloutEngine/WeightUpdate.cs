namespace AgentRollout.RolloutEngine;

/// <summary>New weights for an engine that runs.</summary>
public sealed record WeightUpdate
{
    /// <summary>A model folder of the same architecture and shape.</summary>
    public required string Directory { get; init; }

    /// <summary>What happens to sequences that generate.</summary>
    public RunningSequences Running { get; init; } = RunningSequences.Finish;

    /// <summary>What happens to keys and values of the old weights.</summary>
    public KvCachePolicy KvCache { get; init; } = KvCachePolicy.Flush;
}

/// <summary>What an update does to sequences that generate.</summary>
public enum RunningSequences
{
    /// <summary>They end on the old weights; nobody new begins until they have.</summary>
    Finish,

    /// <summary>They go on with the new weights; their chunks say which token came from which.</summary>
    Continue,

    /// <summary>They are interrupted, and each does what its <see cref="GenerationRequest.OnInterrupt"/> says.</summary>
    Abort,
}

/// <summary>What an update does to keys and values of the old weights.</summary>
public enum KvCachePolicy
{
    /// <summary>They are forgotten; sequences that go on compute theirs again, as if the new weights had always been there.</summary>
    Flush,

    /// <summary>They stay in use beside those of the new weights: quicker, and not what either weights alone would give.</summary>
    Keep,
}

/// <summary>How an update went.</summary>
/// <param name="WeightVersion">The version of the new weights.</param>
/// <param name="Load">Reading and packing, while the engine went on.</param>
/// <param name="Wait">Until the running sequences had finished, where they were to.</param>
/// <param name="Swap">Putting the new weights in place.</param>
public sealed record WeightUpdateResult(long WeightVersion, TimeSpan Load, TimeSpan Wait, TimeSpan Swap);
