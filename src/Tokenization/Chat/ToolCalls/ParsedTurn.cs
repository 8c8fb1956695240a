using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>What a turn's tokens say.</summary>
/// <param name="Content">The text outside calls and reasoning, end-of-turn token removed.</param>
/// <param name="Reasoning">The reasoning part, or null where there is none.</param>
/// <param name="Calls">Every attempted call, malformed ones included, in order.</param>
public sealed record ParsedTurn(string Content, string? Reasoning, IReadOnlyList<ParsedCall> Calls);

/// <summary>One attempted tool call of a turn.</summary>
/// <param name="Outcome">Whether the call can be read.</param>
/// <param name="Name">The function's name, or null where it cannot be read.</param>
/// <param name="Arguments">The arguments as a JSON object, or null where they cannot be read.</param>
/// <param name="RawText">The text of the call without its outer markers, exactly as sampled.</param>
/// <param name="Span">
/// First and past-the-end token of the call within the turn, outer markers included. Spans are in order; two calls of one list may share
/// the token between them.
/// </param>
/// <param name="Error">For a malformed call: one sentence that the model can act on.</param>
public sealed record ParsedCall(
    ParseOutcome Outcome,
    string? Name,
    JsonElement? Arguments,
    string RawText,
    TokenSpan Span,
    string? Error)
{
    /// <summary>
    /// The arguments' JSON text: exactly as sampled where the format writes JSON, else made from what was sampled. What could be read of it
    /// where the call is malformed.
    /// </summary>
    public string ArgumentsText { get; init; } = Arguments?.GetRawText() ?? "";
}

/// <summary>A half-open range of token positions.</summary>
public readonly record struct TokenSpan(int Start, int End);

/// <summary>How well an attempted call could be read.</summary>
public enum ParseOutcome
{
    /// <summary>Name and arguments are there and the arguments are a JSON object.</summary>
    Ok,

    /// <summary>The call is not closed, not in its format, or lacks its name or arguments.</summary>
    Malformed,
}
