namespace AgentRollout.Environments.Rewards;

/// <summary>How the rewards of a group become advantages.</summary>
public enum AdvantageKind
{
    /// <summary>(r - mean) / (standard deviation + 1e-6), of the sample: DeepSeekMath, arXiv 2402.03300.</summary>
    Grpo,

    /// <summary>r - mean: "Dr. GRPO", arXiv 2503.20783.</summary>
    DrGrpo,

    /// <summary>r - the mean of the others, "leave one out": arXiv 2402.14740.</summary>
    Rloo,
}
