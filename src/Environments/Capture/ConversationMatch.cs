using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Capture;

/// <summary>How far a conversation that a client sends is one that is recorded.</summary>
internal sealed class ConversationMatch
{
    private readonly List<(int Message, HealReason Reason)> _heals = [];

    private ConversationMatch(IReadOnlyList<ChatMessage> recorded, IReadOnlyList<ChatMessage> sent)
    {
        Dictionary<string, ToolCall> calls = new(StringComparer.Ordinal); // by the client's ids
        ChatMessage[] messages = new ChatMessage[sent.Count];
        bool isSame = true;
        for (int i = 0; i < sent.Count; i++)
        {
            ChatMessage message = WithRecordedCall(sent[i], calls);
            isSame = isSame && i < recorded.Count && IsSame(recorded[i], message, i);
            Count += isSame ? 1 : 0;
            messages[i] = isSame && message.ToolCalls is not null ? message with { ToolCalls = recorded[i].ToolCalls } : message;
            foreach ((ToolCall own, ToolCall known) in (message.ToolCalls ?? []).Zip(messages[i].ToolCalls ?? []))
                calls[own.Id] = known;
        }

        Messages = messages;
    }

    /// <summary>Leading messages that are the same.</summary>
    public int Count { get; }

    /// <summary>The conversation as sent, where it is the same under the recorded ids of its calls; results have the names of their tools.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; }

    /// <summary>Whether more than the system prompt is the same.</summary>
    public bool SharesConversation => Messages.Take(Count).Any(message => message.Role != "system");

    public static ConversationMatch Of(IReadOnlyList<ChatMessage> recorded, IReadOnlyList<ChatMessage> sent) => new(recorded, sent);

    /// <summary>In what the first messages differ, though they are the same.</summary>
    public IReadOnlyList<HealReason> HealsBefore(int message) => [.. _heals.Where(heal => heal.Message < message).Select(heal => heal.Reason).Distinct()];

    private static ChatMessage WithRecordedCall(ChatMessage message, Dictionary<string, ToolCall> calls) =>
        message is { Role: "tool", ToolCallId: { } id } && calls.TryGetValue(id, out ToolCall? call)
            ? message with { ToolCallId = call.Id, Name = call.Name }
            : message;

    private bool IsSame(ChatMessage recorded, ChatMessage sent, int index)
    {
        if (recorded.Role != sent.Role || recorded.ToolCallId != sent.ToolCallId)
            return false;
        (string one, string other) = (recorded.Content ?? "", sent.Content ?? "");
        if (recorded.Role != "assistant")
            return one == other;
        if (!HasCallsOf(recorded.ToolCalls ?? [], sent.ToolCalls ?? [], out bool areRespelled) || one.Trim() != other.Trim())
            return false;
        if (sent.ReasoningContent is { } reasoning && reasoning.Trim() != (recorded.ReasoningContent ?? "").Trim())
            return false;
        Note(HealReason.ArgumentsRespelled, areRespelled);
        Note(HealReason.AnswerTrimmed, one != other);
        Note(HealReason.ReasoningDropped, sent.ReasoningContent is null && !string.IsNullOrEmpty(recorded.ReasoningContent));
        return true;

        void Note(HealReason reason, bool applies)
        {
            if (applies)
                _heals.Add((index, reason));
        }
    }

    private static bool HasCallsOf(IReadOnlyList<ToolCall> recorded, IReadOnlyList<ToolCall> sent, out bool areRespelled)
    {
        areRespelled = false;
        if (recorded.Count != sent.Count)
            return false;
        foreach ((ToolCall one, ToolCall other) in recorded.Zip(sent))
        {
            if (one.Name != other.Name || !JsonElement.DeepEquals(one.Arguments, other.Arguments))
                return false;
            areRespelled |= Compact(one.Arguments) != Compact(other.Arguments);
        }

        return true;
    }

    /// <summary>Without the blanks, which the journal does not keep.</summary>
    private static string? Compact(JsonElement value) => JsonNode.Parse(value.GetRawText())?.ToJsonString();
}
