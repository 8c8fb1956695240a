namespace AgentRollout.Environments.Rewards;

/// <summary>
/// The harmonic mean of precision and recall over the words of answer and ground truth, as SQuAD scores answers (Rajpurkar et al., 2016):
/// case, punctuation and articles do not count. Two texts without words score 1, one without words 0.
/// </summary>
public sealed class TokenF1Reward : IReward
{
    /// <inheritdoc/>
    public string Name => "f1";

    /// <inheritdoc/>
    public double Score(string answer, string groundTruth)
    {
        List<string> given = [.. AnswerText.Words(answer)];
        Dictionary<string, int> wanted = AnswerText.Words(groundTruth).CountBy(word => word).ToDictionary();
        int total = given.Count + wanted.Values.Sum();
        if (total == 0)
            return 1;

        int common = 0;
        foreach (string word in given)
        {
            if (wanted.TryGetValue(word, out int left) && left > 0)
            {
                wanted[word] = left - 1;
                common++;
            }
        }

        return 2.0 * common / total;
    }
}
