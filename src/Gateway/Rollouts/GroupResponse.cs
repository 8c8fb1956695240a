using AgentRollout.Environments.Rewards;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>The finished samples of one task, and what each is worth beside the others.</summary>
/// <param name="Id">The group.</param>
/// <param name="Samples">In the order of their indices.</param>
/// <param name="Advantages">One per sample; a sample without a reward counts as 0.</param>
internal sealed record GroupResponse(string Id, IReadOnlyList<TrajectorySummary> Samples, GroupAdvantageSet Advantages)
{
    public static GroupResponse Of(string id, IEnumerable<TrajectorySummary> samples)
    {
        TrajectorySummary[] ordered = [.. samples.OrderBy(sample => sample.SampleIndex)];
        double[] rewards = [.. ordered.Select(sample => sample.Reward ?? 0)];
        return new GroupResponse(id, ordered, new GroupAdvantageSet(
            GroupAdvantages.Compute(AdvantageKind.Grpo, rewards),
            GroupAdvantages.Compute(AdvantageKind.DrGrpo, rewards),
            GroupAdvantages.Compute(AdvantageKind.Rloo, rewards)));
    }
}

/// <summary>The advantages that batches know (docs/delivery.md).</summary>
internal sealed record GroupAdvantageSet(IReadOnlyList<double> Grpo, IReadOnlyList<double> DrGrpo, IReadOnlyList<double> Rloo);
