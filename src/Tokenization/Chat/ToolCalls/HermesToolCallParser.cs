namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>
/// The form of Hermes, Qwen2.5 and Qwen3: <c>&lt;tool_call&gt;{"name": …, "arguments": {…}}&lt;/tool_call&gt;</c>, any number of times, with
/// text around, after an optional <c>&lt;think&gt;…&lt;/think&gt;</c>.
/// </summary>
public sealed class HermesToolCallParser(Tokenizer tokenizer, IReadOnlyCollection<int> endTokens) : IToolCallParser
{
    public const string OpenMarker = "<tool_call>";
    private const string CloseMarker = "</tool_call>";
    private const string OpenThinking = "<think>";
    private const string CloseThinking = "</think>";

    public string Name => "hermes";

    public ParsedTurn Parse(ReadOnlySpan<int> tokens)
    {
        TurnText turn = new(tokenizer, tokens, endTokens);
        (string? reasoning, int answerStart) = SplitReasoning(turn);
        List<ParsedCall> calls = [];
        List<string> texts = [];
        int position = answerStart;
        while (turn.Find(OpenMarker, position) is (int start, int bodyStart))
        {
            texts.Add(turn.Text(position, start));
            (int bodyEnd, position) = FindEnd(turn, bodyStart, out bool isClosed);
            string body = turn.Text(bodyStart, bodyEnd);
            TokenSpan span = turn.Tokens(start, position);
            calls.Add(isClosed
                ? ToolCallJson.Read(body, span, "arguments")
                : ToolCallJson.Malformed(body, span, null, $"The tool call is not closed; end it with {CloseMarker}."));
        }

        texts.Add(turn.Text(position, turn.Length));
        return new ParsedTurn(JoinTexts(texts, afterReasoning: reasoning is not null), reasoning, calls);
    }

    /// <summary>
    /// The reasoning before the first call, and where the answer begins. The generation prompt may have opened it, so that the turn has only
    /// its end; a turn that was cut may have only its beginning.
    /// </summary>
    private static (string? Reasoning, int AnswerStart) SplitReasoning(TurnText turn)
    {
        int firstCall = turn.Find(OpenMarker, 0)?.Start ?? turn.Length;
        (int Start, int End)? open = turn.Find(OpenThinking, 0);
        bool opens = open is { } opening && turn.Text(0, opening.Start).AsSpan().Trim().IsEmpty;
        int start = opens ? open!.Value.End : 0;
        if (turn.Find(CloseThinking, start) is (int closeStart, int closeEnd) && (opens || closeStart < firstCall))
            return (turn.Text(start, closeStart).Trim('\n'), closeEnd);
        return opens ? (turn.Text(start, turn.Length).Trim('\n'), turn.Length) : (null, 0);
    }

    /// <summary>The end of a call's body and of the call; a call that another one interrupts is not closed.</summary>
    private static (int BodyEnd, int End) FindEnd(TurnText turn, int bodyStart, out bool isClosed)
    {
        int nextOpen = turn.Find(OpenMarker, bodyStart)?.Start ?? turn.Length;
        isClosed = turn.Find(CloseMarker, bodyStart) is { } close && close.Start < nextOpen;
        return isClosed ? turn.Find(CloseMarker, bodyStart)!.Value : (nextOpen, nextOpen);
    }

    /// <summary>What stands around the calls, without the line breaks that the template puts between text and calls.</summary>
    private static string JoinTexts(List<string> texts, bool afterReasoning)
    {
        string first = afterReasoning ? texts[0].TrimStart('\n') : texts[0];
        if (texts.Count == 1)
            return first;
        return string.Join('\n', texts.Skip(1).Select(text => text.Trim()).Prepend(first.TrimEnd('\n')).Where(text => text.Length > 0));
    }
}
