using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Errors;

/// <summary>Enums among the parameters of a query, as the words that JSON uses.</summary>
internal static class QueryWord
{
    /// <exception cref="InvalidInputException">The word is unknown; the message lists the known ones.</exception>
    public static T Parse<T>(string parameter, string word) where T : struct, Enum
    {
        string[] known = [.. Enum.GetValues<T>().Select(StatusText.Of)];
        return known.Contains(word)
            ? StatusText.Parse<T>(word)
            : throw new InvalidInputException(ProblemCodes.InvalidValue, $"Parameter '{parameter}' is '{word}'; it must be one of {string.Join(", ", known)}.");
    }
}
