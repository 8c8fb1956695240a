using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Reads the JSON of a tool call. What is wrong with it becomes a sentence that the model can act on.</summary>
internal static class ToolCallJson
{
    /// <summary>Reads an object that holds name and arguments.</summary>
    /// <param name="text">The object, exactly as sampled.</param>
    /// <param name="rawText">The text of the call, exactly as sampled.</param>
    /// <param name="span">The tokens of the call.</param>
    /// <param name="shape">The object's members.</param>
    public static ParsedCall Read(string text, string rawText, TokenSpan span, JsonCallShape shape)
    {
        string member = shape.ArgumentMembers[0];
        string form = $"write one JSON object {{\"{shape.NameMember}\": <name>, \"{member}\": <object>}}";
        if (TryParse(text, out JsonElement call) is { } cause)
            return Malformed(rawText, span, $"The tool call is not valid JSON ({cause}); {form}.");
        if (call.ValueKind != JsonValueKind.Object)
            return Malformed(rawText, span, $"The tool call is a JSON {Kind(call)}; {form}.");
        if (HasBrokenText(call))
            return Malformed(rawText, span, "The tool call has a \\u escape of half a surrogate pair; write the character itself.");
        if (call.EnumerateObject().GroupBy(part => part.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            return Malformed(rawText, span, $"The tool call gives its member \"{twice.Key}\" twice; {form}.");
        string? name = call.TryGetProperty(shape.NameMember, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (string.IsNullOrWhiteSpace(name))
            return Malformed(rawText, span, $"The tool call has no text member \"{shape.NameMember}\"; {form}.");
        string[] present = [.. shape.ArgumentMembers.Where(candidate => call.TryGetProperty(candidate, out _))];
        if (present.Length != 1)
            return Malformed(rawText, span, $"The call of '{name}' has {(present.Length == 0 ? "no" : "more than one")} member \"{member}\"; {form}.");
        return ReadArguments(call.GetProperty(present[0]), name, rawText, span, $"The \"{present[0]}\" of '{name}'");
    }

    /// <summary>Reads arguments that stand alone, the name being known.</summary>
    public static ParsedCall ReadArguments(string text, string name, string rawText, TokenSpan span)
    {
        string subject = $"The arguments of '{name}'";
        if (TryParse(text, out JsonElement arguments) is { } cause)
            return Malformed(rawText, span, $"{subject} are not valid JSON ({cause}); write them as one JSON object.");
        return HasBrokenText(arguments)
            ? Malformed(rawText, span, $"{subject} have a \\u escape of half a surrogate pair; write the character itself.")
            : ReadArguments(arguments, name, rawText, span, subject);
    }

    public static ParsedCall Malformed(string rawText, TokenSpan span, string error) =>
        new(ParseOutcome.Malformed, null, null, rawText, span, error);

    /// <summary>Null and the value, or why the text is not JSON.</summary>
    public static string? TryParse(string text, out JsonElement value)
    {
        try
        {
            value = JsonElement.Parse(text);
            return null;
        }
        catch (JsonException exception)
        {
            value = default;
            return Cause(exception);
        }
    }

    /// <summary>JSON may escape half a surrogate pair, which no text can hold.</summary>
    public static bool HasBrokenText(JsonElement value)
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

    /// <summary>A string that holds an object counts as that object.</summary>
    private static ParsedCall ReadArguments(JsonElement arguments, string name, string rawText, TokenSpan span, string subject)
    {
        JsonElement read = arguments;
        if (arguments.ValueKind == JsonValueKind.String && TryParse(arguments.GetString()!, out JsonElement inner) is null && !HasBrokenText(inner))
            read = inner;
        return read.ValueKind == JsonValueKind.Object
            ? new ParsedCall(ParseOutcome.Ok, name, read, rawText, span, null)
            : Malformed(rawText, span, $"{subject} are a JSON {Kind(arguments)}; they must be an object.");
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
