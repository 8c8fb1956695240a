using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Reads the JSON object of a tool call. What is wrong with it becomes a sentence that the model can act on.</summary>
internal static class ToolCallJson
{
    /// <summary>Reads the object of a call.</summary>
    /// <param name="text">The text of the call, exactly as sampled.</param>
    /// <param name="span">The tokens of the call.</param>
    /// <param name="argumentsMember">The member that holds the arguments.</param>
    public static ParsedCall Read(string text, TokenSpan span, string argumentsMember)
    {
        string shape = $"write one JSON object {{\"name\": <name>, \"{argumentsMember}\": <object>}}";
        JsonElement call;
        try
        {
            call = JsonElement.Parse(text);
        }
        catch (JsonException exception)
        {
            return Malformed(text, span, null, $"The tool call is not valid JSON ({Cause(exception)}); {shape}.");
        }

        if (call.ValueKind != JsonValueKind.Object)
            return Malformed(text, span, null, $"The tool call is a JSON {Kind(call)}; {shape}.");
        if (HasBrokenText(call))
            return Malformed(text, span, null, "The tool call has a \\u escape of half a surrogate pair; write the character itself.");
        string? name = call.TryGetProperty("name", out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (string.IsNullOrWhiteSpace(name))
            return Malformed(text, span, null, $"The tool call has no text member \"name\"; {shape}.");
        if (!call.TryGetProperty(argumentsMember, out JsonElement arguments))
            return Malformed(text, span, name, $"The call of '{name}' has no member \"{argumentsMember}\"; {shape}.");
        return AsObject(arguments) is { } read
            ? new ParsedCall(ParseOutcome.Ok, name, read, text, span, null)
            : Malformed(text, span, name, $"The \"{argumentsMember}\" of '{name}' are a JSON {Kind(arguments)}; they must be an object.");
    }

    public static ParsedCall Malformed(string text, TokenSpan span, string? name, string error) =>
        new(ParseOutcome.Malformed, name, null, text, span, error);

    /// <summary>The arguments as an object; a string that holds an object counts as that object.</summary>
    private static JsonElement? AsObject(JsonElement arguments)
    {
        if (arguments.ValueKind == JsonValueKind.Object)
            return arguments;
        if (arguments.ValueKind != JsonValueKind.String)
            return null;
        try
        {
            JsonElement inner = JsonElement.Parse(arguments.GetString()!);
            return inner.ValueKind == JsonValueKind.Object && !HasBrokenText(inner) ? inner : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>JSON may escape half a surrogate pair, which no text can hold.</summary>
    private static bool HasBrokenText(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.Object => value.EnumerateObject().Any(member => member.Name is null || HasBrokenText(member.Value)),
                JsonValueKind.Array => value.EnumerateArray().Any(HasBrokenText),
                JsonValueKind.String => value.GetString() is null,
                _ => false,
            };
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => value.ValueKind.ToString().ToLowerInvariant(),
    };

    /// <summary>The reader's message without its hints for programmers and its position, which counts from 0.</summary>
    private static string Cause(JsonException exception)
    {
        string message = exception.Message;
        int end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.', ' ');
    }
}
