using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Delivery;

/// <summary>How trajectories become a batch.</summary>
/// <param name="Advantages">How advantages are computed; null for none.</param>
/// <param name="Padding">The side that shorter sequences are filled up on.</param>
/// <param name="PadTokenId">The id that fills.</param>
internal sealed record BatchForm(AdvantageKind? Advantages, PaddingSide Padding, int PadTokenId)
{
    /// <summary>Reads the parameters of a query.</summary>
    /// <exception cref="InvalidInputException">A word is unknown.</exception>
    public static BatchForm Parse(string? advantages, string? padding, int padTokenId) => new(
        advantages is null ? null : QueryWord.Parse<AdvantageKind>("advantages", advantages),
        padding is null ? PaddingSide.Right : QueryWord.Parse<PaddingSide>("padding", padding),
        padTokenId >= 0 ? padTokenId : throw new InvalidInputException(ProblemCodes.InvalidValue, $"Parameter 'pad_token_id' is {padTokenId}; it must be at least 0."));
}
