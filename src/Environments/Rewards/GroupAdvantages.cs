namespace AgentRollout.Environments.Rewards;

/// <summary>Advantages of the trajectories of one group, from their rewards.</summary>
public static class GroupAdvantages
{
    private const double Epsilon = 1e-6;

    /// <summary>One advantage per reward; a group of one has advantage 0, having nobody to compare with.</summary>
    public static double[] Compute(AdvantageKind kind, IReadOnlyList<double> rewards)
    {
        if (rewards.Count < 2)
            return new double[rewards.Count];
        double sum = rewards.Sum(), mean = sum / rewards.Count;
        double deviation = Math.Sqrt(rewards.Sum(reward => (reward - mean) * (reward - mean)) / (rewards.Count - 1));
        return
        [
            .. rewards.Select(reward => kind switch
            {
                AdvantageKind.Grpo => (reward - mean) / (deviation + Epsilon),
                AdvantageKind.DrGrpo => reward - mean,
                _ => reward - (sum - reward) / (rewards.Count - 1),
            }),
        ];
    }
}
