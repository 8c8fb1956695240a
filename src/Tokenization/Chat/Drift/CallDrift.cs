using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Tokenization.Chat.Drift;

/// <summary>Tells whether texts part at the tool calls of a sampled turn.</summary>
internal sealed class CallDrift(ChatFormat format, TokenText seen, TokenText retold)
{
    /// <summary>What happened to the calls, or null where the texts part elsewhere.</summary>
    /// <param name="start">The turn's first token.</param>
    /// <param name="end">Past its last one.</param>
    /// <param name="difference">The first byte in which the texts differ.</param>
    public DriftCause? Cause(int start, int end, int difference)
    {
        if (!format.HasToolCallParser)
            return null;
        IReadOnlyList<ParsedCall> calls = format.ToolCallParser.Parse(seen.Ids[start..end]).Calls;
        if (calls.Count == 0)
            return null;
        int first = start + calls[0].Span.Start;
        while (first > start && format.Tokenizer.IsAdded(seen.Ids[first - 1]))
            first--;
        int callsStart = seen.WhiteSpaceAround(seen.Start(first)).Start;
        int callsEnd = seen.Start(start + calls[^1].Span.End);
        if (difference < callsStart)
            return null;
        if (difference >= callsEnd)
        {
            bool isSpace = seen.WhiteSpaceAround(difference).End > difference || retold.WhiteSpaceAround(difference).End > difference;
            return isSpace ? DriftCause.ToolCallRewritten : DriftCause.ToolCallDropped;
        }

        return calls.Count > CountRetold(start) ? DriftCause.ToolCallDropped : DriftCause.ToolCallRewritten;
    }

    private int CountRetold(int start)
    {
        int first = retold.TokenAt(seen.Start(start));
        ReadOnlySpan<int> turn = retold.Ids[first..];
        int end = turn.IndexOfAny([.. format.EndOfTurnIds]);
        return format.ToolCallParser.Parse(end < 0 ? turn : turn[..end]).Calls.Count;
    }
}
