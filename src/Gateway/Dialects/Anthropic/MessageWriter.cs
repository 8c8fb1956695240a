using System.Text;
using System.Text.Json;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Gateway.Dialects.Anthropic;

/// <summary>
/// One answer in the protocol's words, whole or event by event. A call is a block once it is complete, since its input must be an object; a malformed
/// one is text.
/// </summary>
internal sealed class MessageWriter(ChatPlan plan, string model)
{
    private const string Text = "text", Thinking = "thinking", ToolUse = "tool_use";

    private int _blocks;
    private string? _open; // the type of the block that grows

    /// <summary>All of it at once.</summary>
    public Message Whole(ChatChoice choice)
    {
        List<ContentBlock> blocks = [];
        StringBuilder text = new();
        foreach (TurnDelta delta in choice.TakeDeltas())
        {
            (string Type, string Text)? piece = PieceOf(delta);
            if (piece is null && delta is not CallFinished)
                continue;
            if (piece?.Type != _open)
                Close();
            _open = piece?.Type;
            text.Append(piece?.Text);
            if (piece is null)
                blocks.Add(BlockOf(choice, (CallFinished)delta));
        }

        Close();
        (string reason, string? sequence) = StopOf(choice);
        return new Message(plan.Call.Id, model, blocks, reason, sequence, UsageOf(choice));

        void Close()
        {
            if (_open is not null)
                blocks.Add(BlockOf(_open, text.ToString()));
            text.Clear();
        }
    }

    /// <summary>The first event of a stream.</summary>
    public MessageEvent Start() => new("message_start")
    {
        Message = new Message(plan.Call.Id, model, [], StopReason: null, StopSequence: null, new MessageUsage(plan.Prompt.Length, 0, 0)),
    };

    /// <summary>What the answer has grown by, and its end.</summary>
    public IEnumerable<MessageEvent> Events(ChatChoice choice)
    {
        foreach (TurnDelta delta in choice.TakeDeltas())
        {
            IEnumerable<MessageEvent> events = PieceOf(delta) is { } piece ? Grow(piece.Type, piece.Text)
                : delta is CallFinished finished ? Call(choice, finished)
                : [];
            foreach (MessageEvent one in events)
                yield return one;
        }

        if (choice.Answer.Finish is null)
            yield break;
        foreach (MessageEvent stop in Close())
            yield return stop;
        (string reason, string? sequence) = StopOf(choice);
        yield return new MessageEvent("message_delta") { Delta = new MessageEnd(reason, sequence), Usage = UsageOf(choice) };
        yield return new MessageEvent("message_stop");
    }

    /// <summary>The text of a delta and the type of block that it belongs to; null for calls and what announces them.</summary>
    private static (string Type, string Text)? PieceOf(TurnDelta delta) => delta switch
    {
        ContentDelta content => (Text, content.Text),
        ReasoningDelta reasoning => (Thinking, reasoning.Text),
        CallFinished { Call.Outcome: ParseOutcome.Malformed } malformed => (Text, malformed.Call.RawText),
        _ => null,
    };

    private IEnumerable<MessageEvent> Grow(string type, string text)
    {
        if (_open != type)
        {
            foreach (MessageEvent stop in Close())
                yield return stop;
            _open = type;
            yield return new MessageEvent("content_block_start") { Index = _blocks, ContentBlock = BlockOf(type, "") };
        }

        BlockDelta delta = type == Text ? new BlockDelta("text_delta") { Text = text } : new BlockDelta("thinking_delta") { Thinking = text };
        yield return new MessageEvent("content_block_delta") { Index = _blocks, Delta = delta };
    }

    private IEnumerable<MessageEvent> Call(ChatChoice choice, CallFinished finished)
    {
        foreach (MessageEvent stop in Close())
            yield return stop;
        ContentBlock block = BlockOf(choice, finished);
        yield return new MessageEvent("content_block_start") { Index = _blocks, ContentBlock = block with { Input = NoInput } };
        yield return new MessageEvent("content_block_delta")
        {
            Index = _blocks,
            Delta = new BlockDelta("input_json_delta") { PartialJson = block.Input!.Value.GetRawText() },
        };
        yield return new MessageEvent("content_block_stop") { Index = _blocks++ };
    }

    private IEnumerable<MessageEvent> Close()
    {
        if (_open is null)
            yield break;
        _open = null;
        yield return new MessageEvent("content_block_stop") { Index = _blocks++ };
    }

    private static JsonElement NoInput { get; } = JsonElement.Parse("{}");

    private static ContentBlock BlockOf(string type, string text) => type == Text
        ? new ContentBlock(type) { Text = text }
        : new ContentBlock(type) { Thinking = text, Signature = "" };

    private static ContentBlock BlockOf(ChatChoice choice, CallFinished finished) => new(ToolUse)
    {
        Id = choice.CallId("toolu_", finished.Index),
        Name = finished.Call.Name,
        Input = finished.Call.Arguments,
    };

    /// <summary>Why an answer ended, in the protocol's words; these have none for an answer that was aborted.</summary>
    /// <exception cref="EngineException">It was aborted.</exception>
    private static (string Reason, string? Sequence) StopOf(ChatChoice choice)
    {
        DialectFinish finish = choice.Answer.Finish!;
        return finish.Kind switch
        {
            FinishKind.Length => ("max_tokens", null),
            FinishKind.Abort => throw new EngineException($"The answer was aborted: {finish.Message}"),
            _ when finish.StopText is { } text => ("stop_sequence", text),
            _ => (choice.Calls.Any(call => call.Outcome == ParseOutcome.Ok) ? ToolUse : "end_turn", null),
        };
    }

    private MessageUsage UsageOf(ChatChoice choice)
    {
        int cached = choice.Answer.CachedTokens ?? 0;
        return new MessageUsage(plan.Prompt.Length - cached, cached, choice.Answer.Tokens.Count);
    }
}
