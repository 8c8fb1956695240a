namespace AgentRollout.Environments.Rewards;

/// <summary>Scores a final answer against a task's ground truth.</summary>
public interface IReward
{
    /// <summary>The component's name in a trajectory, for example <c>exact_match</c>.</summary>
    string Name { get; }

    /// <summary>A score between 0 and 1. Pure: the same texts always give the same score.</summary>
    double Score(string answer, string groundTruth);
}
