using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Environments.Loop;

/// <summary>One assistant turn, read: its message, and its attempted calls under the ids of the trajectory.</summary>
/// <param name="Message">What stands in the conversation.</param>
/// <param name="Calls">Every attempted call, malformed ones included.</param>
/// <param name="ClosedBy">The end token that was sampled last; null where the turn was cut before one.</param>
internal sealed record SampledTurn(ChatMessage Message, IReadOnlyList<AttemptedCall> Calls, int? ClosedBy)
{
    public bool IsClosed => ClosedBy is not null;

    /// <summary>One malformed call spoils its turn: none of its calls is run, and the model is told.</summary>
    public bool IsMalformed => Calls.Any(call => call.Parsed.Outcome == ParseOutcome.Malformed);

    /// <summary>What a model reads after a malformed turn.</summary>
    public string Correction =>
        string.Join('\n', Calls.Where(call => call.Parsed.Error is not null).Select(call => call.Parsed.Error))
        + "\nNo tool was run. Write the call again.";

    /// <summary>Reads the turn whose tokens stand at the end of the episode's sequence, from <paramref name="start"/> on.</summary>
    public static SampledTurn Read(Episode episode, int start) =>
        Read(episode.Policy.Format, episode.Sequence.Tokens, start, episode.Tools, episode.ToolCalls.Count);

    /// <summary>Reads the turn whose tokens stand at the end of a sequence.</summary>
    /// <param name="format">The model's.</param>
    /// <param name="sequence">All tokens.</param>
    /// <param name="start">The turn's first.</param>
    /// <param name="tools">What was offered.</param>
    /// <param name="callsBefore">How many calls the trajectory attempted before.</param>
    public static SampledTurn Read(ChatFormat format, ReadOnlySpan<int> sequence, int start, IReadOnlyList<FunctionSchema> tools, int callsBefore)
    {
        ReadOnlySpan<int> tokens = sequence[start..];
        int? closedBy = format.EndOf(tokens);
        ParsedTurn parsed = format.ToolCallParser.Parse(tokens, new TurnContext { Tools = tools });
        AttemptedCall[] calls = [.. parsed.Calls.Select((call, index) => new AttemptedCall(
            $"c{callsBefore + index + 1}",
            call,
            [start + call.Span.Start, start + call.Span.End]))];

        ChatMessage message = calls.All(call => call.Parsed.Outcome == ParseOutcome.Ok)
            ? new ChatMessage
            {
                Role = "assistant",
                Content = parsed.Content,
                ReasoningContent = parsed.Reasoning,
                ToolCalls = calls is [] ? null : [.. calls.Select(call => call.ToToolCall())],
            }
            : ChatMessage.Assistant(format.Tokenizer.Decode(closedBy is null ? tokens : tokens[..^1]));
        return new SampledTurn(message, calls, closedBy);
    }
}

/// <summary>An attempted call with its id and its place in the sequence.</summary>
/// <param name="Id">Unique within the trajectory: c1, c2, …</param>
/// <param name="Parsed">What the parser read.</param>
/// <param name="TokenSpan">First and past-the-end position in the sequence.</param>
internal sealed record AttemptedCall(string Id, ParsedCall Parsed, int[] TokenSpan)
{
    /// <summary>Only for a call that could be read.</summary>
    public ToolCall ToToolCall() => new(Id, Parsed.Name!, Parsed.Arguments!.Value);
}
