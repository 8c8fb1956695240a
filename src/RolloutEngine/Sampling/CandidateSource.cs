namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>Where candidates come from.</summary>
internal readonly unsafe struct CandidateSource
{
    /// <summary>[token]</summary>
    public required float* Logits { get; init; }

    /// <summary>[token] room for weights; filled where <see cref="Total"/> is given.</summary>
    public required float* Weights { get; init; }

    /// <summary>[block] of logits, padded with negative infinity.</summary>
    public required float* Maxima { get; init; }

    /// <summary>Of all logits.</summary>
    public required float Max { get; init; }

    /// <summary>A weight is e^((logit - max) · scale).</summary>
    public required float Scale { get; init; }

    /// <summary>The sum of all weights; null where it is not needed.</summary>
    public required double? Total { get; init; }
}
