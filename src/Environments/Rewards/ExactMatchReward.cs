namespace AgentRollout.Environments.Rewards;

/// <summary>
/// 1 where the answer is the ground truth, else 0. Upper and lower case, white space, a full stop at the end and the spelling of a decimal
/// number (<c>1,250.0</c> for <c>1250</c>) make no difference; everything else does.
/// </summary>
public sealed class ExactMatchReward : IReward
{
    /// <inheritdoc/>
    public string Name => "exact_match";

    /// <inheritdoc/>
    public double Score(string answer, string groundTruth) => AnswerText.Normalize(answer) == AnswerText.Normalize(groundTruth) ? 1 : 0;
}
