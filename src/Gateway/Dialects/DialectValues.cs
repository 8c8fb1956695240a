using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects;

/// <summary>Reads single values of JSON, each with a sentence for the wrong ones.</summary>
internal static class DialectValues
{
    /// <summary>Whether a value says anything: null, false, the empty text, list and object do not.</summary>
    public static bool IsSet(JsonElement? element) => element is { } value && value.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.False => false,
        JsonValueKind.String => value.GetString()!.Length > 0,
        JsonValueKind.Array => value.GetArrayLength() > 0 && value.EnumerateArray().Any(item => IsSet(item)),
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    /// <summary>A member of an object; null where it is not there or null.</summary>
    public static JsonElement? Member(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A text in an object at a path; null where it is not there or null.</summary>
    public static string? Text(JsonElement element, string name, string path) => Member(element, name) is { } value ? Text($"{path}.{name}", value) : null;

    /// <summary>A text in an object at a path.</summary>
    public static string NeededText(JsonElement element, string name, string path) =>
        Text(element, name, path) ?? throw Invalid($"'{path}' has no '{name}'.");

    /// <summary>The objects of a list, each with its path.</summary>
    public static IEnumerable<(JsonElement Value, string Path)> Objects(string name, JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
            throw Wrong(name, list, "a list");
        return list.EnumerateArray().Select((item, index) => item.ValueKind == JsonValueKind.Object
            ? (item, $"{name}[{index}]")
            : throw Wrong($"{name}[{index}]", item, "an object"));
    }

    public static int Int(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Wrong(name, value, "an integer");

    /// <summary>A rank in a process group, or the number of them, which must be there.</summary>
    public static int Rank(string name, JsonElement? value) =>
        value is not { } given ? throw Invalid($"'{name}' is missing.") : Int(name, given) is >= 0 and var rank ? rank : throw Wrong(name, given, "0 or more");

    public static float Float(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) && float.IsFinite(number) ? number : throw Wrong(name, value, "a number");

    public static bool Bool(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, value, "true or false"),
    };

    public static string Text(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(name, value, "a text");

    /// <summary>Whether records can keep a value: no member stands twice in an object, and it is not nested too deeply.</summary>
    public static bool CanBeKept(JsonElement value)
    {
        try
        {
            _ = JsonElement.Parse(value.GetRawText(), Kept);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // Records nest it a little deeper, and are read to a depth of 64.
    private static JsonDocumentOptions Kept { get; } = new() { AllowDuplicateProperties = false, MaxDepth = 48 };

    /// <summary>The arguments of a call from their JSON text; what is no object stays a text, as a model may have written it.</summary>
    public static JsonElement ArgumentsOf(string text)
    {
        try
        {
            JsonElement parsed = JsonElement.Parse(text.Length == 0 ? "{}" : text, Kept);
            if (parsed.ValueKind == JsonValueKind.Object)
                return parsed;
        }
        catch (JsonException)
        {
            // It stays a text.
        }

        return JsonSerializer.SerializeToElement(text, GatewayJson.Default.String);
    }

    /// <summary>What becomes of an interrupted generation; it goes on where nothing is said.</summary>
    public static InterruptPolicy Interrupt(string name, string? word) => word switch
    {
        null or "auto_resume" => InterruptPolicy.AutoResume,
        "return_partial" => InterruptPolicy.ReturnPartial,
        "restart" => InterruptPolicy.Restart,
        _ => throw Invalid($"'{name}' is '{word}'; known words: auto_resume, return_partial, restart."),
    };

    public static long Long(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : throw Wrong(name, value, "an integer");

    /// <summary>Python's seeds may be negative; they are the same 64 bits.</summary>
    public static ulong Seed(string name, JsonElement value) =>
        value.ValueKind != JsonValueKind.Number ? throw Wrong(name, value, "an integer")
        : value.TryGetUInt64(out ulong seed) ? seed
        : value.TryGetInt64(out long negative) ? unchecked((ulong)negative)
        : throw Wrong(name, value, "an integer of 64 bits");

    /// <summary>A list of integers, or one.</summary>
    public static IReadOnlyList<int> Ints(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => Int(name, item))] : [Int(name, value)];

    /// <summary>A list of texts, or one.</summary>
    public static IReadOnlyList<string> Texts(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => Text(name, item))] : [Text(name, value)];

    public static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);

    private static InvalidInputException Wrong(string name, JsonElement value, string expected)
    {
        string text = value.GetRawText();
        return Invalid($"'{name}' is {(text.Length > 60 ? text[..60] + "..." : text)}; it must be {expected}.");
    }
}
