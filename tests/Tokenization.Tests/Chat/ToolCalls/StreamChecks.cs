using AgentRollout.Tokenization.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

/// <summary>What holds for every parser and every turn.</summary>
internal static class StreamChecks
{
    /// <summary>However a turn is split, its joined deltas are the parsed turn; spans are inside it and in order.</summary>
    public static ParsedTurn Check(IToolCallParser parser, Tokenizer tokenizer, int[] tokens, Random random, TurnContext? context = null)
    {
        ParsedTurn whole = parser.Parse(tokens, context);
        TurnReader reader = parser.Begin(context);
        List<TurnDelta> deltas = [];
        for (int i = 0; i < tokens.Length;)
        {
            int count = Math.Min(tokens.Length - i, random.Next(1, 5));
            deltas.AddRange(reader.Append(tokens.AsSpan(i, count)));
            i += count;
        }

        deltas.AddRange(reader.Finish());
        Assert.Equal(whole.Content, string.Concat(deltas.OfType<ContentDelta>().Select(delta => delta.Text)));
        Assert.Equal(whole.Reasoning ?? "", string.Concat(deltas.OfType<ReasoningDelta>().Select(delta => delta.Text)));
        Assert.Equal(whole.Calls.Count, deltas.OfType<CallFinished>().Count());
        int start = 0, end = 0;
        for (int i = 0; i < whole.Calls.Count; i++)
        {
            ParsedCall call = whole.Calls[i];
            Assert.Equal(call.Name, deltas.OfType<CallStarted>().SingleOrDefault(delta => delta.Index == i)?.Name);
            Assert.Equal(call.ArgumentsText, string.Concat(deltas.OfType<ArgumentsDelta>().Where(delta => delta.Index == i).Select(delta => delta.Text)));
            ParsedCall finished = deltas.OfType<CallFinished>().Single(delta => delta.Index == i).Call;
            Assert.Equal((call.Outcome, call.RawText, call.Span, call.Error), (finished.Outcome, finished.RawText, finished.Span, finished.Error));
            Assert.Equal(call.Outcome == ParseOutcome.Ok, call.Error is null);
            if (call.Outcome == ParseOutcome.Ok)
                Assert.Equal(call.Arguments!.Value.GetRawText(), call.ArgumentsText);
            Assert.True(call.Span.Start >= start && call.Span.End >= end && call.Span.End >= call.Span.Start && call.Span.End <= tokens.Length);
            (start, end) = (call.Span.Start, call.Span.End);
        }

        return whole;
    }
}
