namespace AgentRollout.RolloutEngine;

/// <summary>New weights for an engine that runs.</summary>
public sealed record WeightUpdate
{
    /// <summary>A model folder of the same architecture and shape, or a safetensors file with all of its tensors.</summary>
    public required string Path { get; init; }

    /// <summary>The version that the new weights get, above the one in use. Default null: one more than that.</summary>
    public long? Version { get; init; }

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
/// <param name="Flush">Forgetting keys and values of the old weights.</param>
/// <param name="Swap">Putting the new weights in place.</param>
public sealed record WeightUpdateResult(long WeightVersion, TimeSpan Load, TimeSpan Wait, TimeSpan Flush, TimeSpan Swap)
{
    /// <summary>Of several engines those that did not take the weights, and why. Empty where all did.</summary>
    public IReadOnlyDictionary<string, string> Failures { get; init; } = new Dictionary<string, string>();
}

/// <summary>Weights that an engine starts with in place of those of its model folder.</summary>
/// <param name="Path">A model folder of the same architecture and shape, or a safetensors file with all of its tensors.</param>
/// <param name="Version">Their version.</param>
public sealed record StartWeights(string Path, long Version);
