using System.Text.Json;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>Typed reading of a Hugging Face JSON file, with errors that name the key. Keys that are null count as absent.</summary>
internal readonly struct ConfigFile(string path, JsonElement json)
{
    /// <summary>The JSON object of a file, or null where there is no such file.</summary>
    public static ConfigFile? Read(string path)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new ConfigFile(path, document.RootElement.Clone())
                : throw new EngineException($"'{path}' is not a JSON object.");
        }
        catch (JsonException exception)
        {
            throw new EngineException($"'{path}' is not valid JSON ({exception.Message.TrimEnd('.')}).", exception);
        }
    }

    public JsonElement? Element(string key) =>
        json.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>True where the key is written out, be it as null.</summary>
    public bool Mentions(string key) => json.TryGetProperty(key, out _);

    public ConfigFile? Object(string key) => Element(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new ConfigFile(path, value),
        { } other => throw Wrong(key, other, "an object"),
    };

    public int Integer(string key) => OptionalInteger(key) ?? throw Missing(key);

    public int? OptionalInteger(string key) => Element(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number > 0 ? number : throw Wrong(key, value, "at least 1"),
        { } other => throw Wrong(key, other, "a whole number"),
    };

    public double Number(string key) => OptionalNumber(key) ?? throw Missing(key);

    public double? OptionalNumber(string key) => Element(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.GetDouble() is > 0 and var number => number,
        { } other => throw Wrong(key, other, "a positive number"),
    };

    public bool Flag(string key, bool otherwise) => Element(key) switch
    {
        null => otherwise,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw Wrong(key, other, "true or false"),
    };

    public string? Text(string key) => Element(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } other => throw Wrong(key, other, "a string"),
    };

    /// <summary>Whole numbers under a key that holds one or a list of them; null where it is absent.</summary>
    public IReadOnlyList<int>? Integers(string key)
    {
        if (Element(key) is not { } value)
            return null;
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        ConfigFile file = this;
        return [.. items.Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int id)
            ? id
            : throw file.Wrong(key, value, "a whole number or a list of them"))];
    }

    /// <summary>The one entry of <c>architectures</c>; all of them, where it is not one.</summary>
    public string Architecture() => Element("architectures") is { ValueKind: JsonValueKind.Array } names
        ? string.Join(", ", names.EnumerateArray().Select(name => name.ToString()))
        : "nothing";

    public EngineException Unsupported(string key, string value, string supported) =>
        new($"'{path}' has {key} {value}, which the engine does not compute; supported: {supported}.");

    private EngineException Missing(string key) => new($"'{path}' has no {key}.");

    private EngineException Wrong(string key, JsonElement value, string expected) =>
        new($"'{path}' has {key} {value.GetRawText()}; it must be {expected}.");
}
