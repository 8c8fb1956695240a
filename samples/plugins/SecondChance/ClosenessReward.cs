using System.Globalization;
using AgentRollout.Environments.Rewards;

namespace SecondChance;

/// <summary>1 for the right number, less the further an answer is from it, 0 for one that is no number.</summary>
public sealed class ClosenessReward : IReward
{
    public string Name => "closeness";

    public double Score(string answer, string groundTruth) =>
        Parse(answer) is { } given && Parse(groundTruth) is { } right
            ? 1 / (1 + Math.Abs(given - right) / Math.Max(1, Math.Abs(right)))
            : 0;

    private static double? Parse(string text) =>
        double.TryParse(text.Trim().TrimEnd('.'), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
            ? number
            : null;
}
