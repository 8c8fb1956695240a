using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.Anthropic;

/// <summary>The answer of <c>/v1/messages</c>.</summary>
/// <param name="StopReason">Null at the beginning of a stream.</param>
/// <param name="StopSequence">The text that ended it, if one did.</param>
internal sealed record Message(string Id, string Model, IReadOnlyList<ContentBlock> Content, string? StopReason, string? StopSequence, MessageUsage Usage)
{
    public string Type { get; } = "message";

    public string Role { get; } = "assistant";
}

/// <summary>A part of a message: text, thinking or a tool call.</summary>
internal sealed record ContentBlock(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Thinking { get; init; }

    /// <summary>Of thinking: always empty, since nothing is signed here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Signature { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Input { get; init; }
}

/// <summary>Counts of tokens.</summary>
/// <param name="InputTokens">Of the prompt, but for those that were found computed.</param>
/// <param name="CacheReadInputTokens">Of the prompt, found computed.</param>
/// <param name="OutputTokens">Of the answer.</param>
internal sealed record MessageUsage(int InputTokens, int CacheReadInputTokens, int OutputTokens);

/// <summary>An event of a streamed message.</summary>
internal sealed record MessageEvent(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Message? Message { get; init; }

    /// <summary>Of the block that it is about.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Index { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ContentBlock? ContentBlock { get; init; }

    /// <summary>A <see cref="BlockDelta"/> or a <see cref="MessageEnd"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? Delta { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MessageUsage? Usage { get; init; }
}

/// <summary>What a block has grown by.</summary>
internal sealed record BlockDelta(string Type)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Text { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Thinking { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? PartialJson { get; init; }
}

/// <summary>How a message ended.</summary>
internal sealed record MessageEnd(string StopReason, string? StopSequence);

/// <summary>The answer of <c>/v1/messages/count_tokens</c>.</summary>
internal sealed record TokenCount(int InputTokens);

/// <summary>The body of an error.</summary>
internal sealed record MessageError(MessageErrorDetail Error)
{
    public string Type { get; } = "error";
}

/// <param name="Type">The protocol's word for the status.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Code">Stable, for programs.</param>
internal sealed record MessageErrorDetail(string Type, string Message, string Code);

/// <summary>JSON of Anthropic's protocol.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Message))]
[JsonSerializable(typeof(MessageEvent))]
[JsonSerializable(typeof(BlockDelta))]
[JsonSerializable(typeof(MessageEnd))]
[JsonSerializable(typeof(MessageError))]
[JsonSerializable(typeof(TokenCount))]
internal sealed partial class AnthropicJson : JsonSerializerContext;
