using System.Text.Json.Serialization;

namespace AgentRollout.Tokenization.Chat;

/// <summary>One message of a conversation, as chat templates see it.</summary>
public sealed record ChatMessage
{
    /// <summary><c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>.</summary>
    public required string Role { get; init; }

    /// <summary>
    /// The text; null where an assistant message has nothing but tool calls. In JSON also a list of parts <c>{"type": "text", "text": "…"}</c>,
    /// which are joined; a part of another type, an image for example, is refused.
    /// </summary>
    [JsonConverter(typeof(ContentJsonConverter))]
    public string? Content { get; init; }

    /// <summary>Thinking that the model wrote apart from its answer, where the model's format has such a part.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ReasoningContent { get; init; }

    /// <summary>Calls of an assistant message, in the order in which the model wrote them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ToolCall>? ToolCalls { get; init; }

    /// <summary>On a <c>tool</c> message: the call that it answers.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ToolCallId { get; init; }

    /// <summary>On a <c>tool</c> message: the tool's name.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    public static ChatMessage System(string content) => new() { Role = "system", Content = content };

    public static ChatMessage User(string content) => new() { Role = "user", Content = content };

    public static ChatMessage Assistant(string? content, IReadOnlyList<ToolCall>? toolCalls = null) =>
        new() { Role = "assistant", Content = content, ToolCalls = toolCalls };

    public static ChatMessage Tool(string callId, string name, string content) =>
        new() { Role = "tool", Content = content, ToolCallId = callId, Name = name };
}
