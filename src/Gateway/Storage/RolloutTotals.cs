namespace AgentRollout.Gateway.Storage;

/// <summary>Sums over the stored trajectories of one rollout.</summary>
internal sealed record RolloutTotals
{
    public int Completed { get; init; }

    public int Truncated { get; init; }

    public int Aborted { get; init; }

    public int Failed { get; init; }

    /// <summary>Mean over the trajectories that have a reward; null where none has.</summary>
    public double? MeanReward { get; init; }

    public long Turns { get; init; }

    public long ToolCalls { get; init; }

    public long Tokens { get; init; }

    public long SampledTokens { get; init; }

    public double QueueMs { get; init; }

    public double PrefillMs { get; init; }

    public double DecodeMs { get; init; }

    public double TokenizeMs { get; init; }

    public double ToolMs { get; init; }

    public double RewardMs { get; init; }

    public double TotalMs { get; init; }

    /// <summary>How many are stored.</summary>
    public int Finished => Completed + Truncated + Aborted + Failed;
}
