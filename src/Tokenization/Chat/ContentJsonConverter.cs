using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Tokenization.Chat;

/// <summary>Reads a message's content: a text, null, or a list of parts, of which the texts are joined and anything else is refused.</summary>
public sealed class ContentJsonConverter : JsonConverter<string>
{
    /// <inheritdoc/>
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.String => reader.GetString(),
        JsonTokenType.StartArray => string.Concat(JsonElement.ParseValue(ref reader).EnumerateArray().Select(Text)),
        _ => throw new JsonException($"A message's content begins with a JSON {reader.TokenType}; it must be a text, null or a list of parts."),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    private static string Text(JsonElement part)
    {
        if (part.ValueKind == JsonValueKind.String)
            return part.GetString()!;
        if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("type", out JsonElement type) || type.ValueKind != JsonValueKind.String)
            throw new JsonException("A part of a message's content has no 'type'; it must be an object with type 'text'.");
        if (type.GetString() != "text")
            throw new JsonException($"A part of a message's content has the type '{type.GetString()}'; known types: text.");
        return part.TryGetProperty("text", out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw new JsonException("A part of type 'text' of a message's content has no 'text'.");
    }
}
