using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentRollout.Tools.Verl;

/// <summary>
/// One mapping of a tool file. Whoever reads it asks for the keys that it knows, and <see cref="RefuseOthers"/> refuses what nobody asked for.
/// </summary>
internal sealed class VerlSection
{
    private readonly JsonObject _members;
    private readonly string _path;
    private readonly List<string> _known = [];

    /// <exception cref="ToolException">The node is no mapping.</exception>
    public VerlSection(JsonNode? node, string path)
    {
        _path = path;
        _members = node as JsonObject ?? throw new ToolException(path.Length == 0 ? "it must be a mapping." : $"'{path}' must be a mapping.");
    }

    public string? Text(string key)
    {
        if (Find(key) is not { } value)
            return null;
        string text = value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : throw Bad(key, value, "a text");
        return text.Contains("${", StringComparison.Ordinal)
            ? throw new ToolException($"'{At(key)}' is '{text}'; interpolations are not resolved here, so write the value itself.")
            : text;
    }

    public string RequiredText(string key) => Text(key) is { Length: > 0 } text ? text : throw new ToolException($"'{At(key)}' is missing.");

    public int Integer(string key, int standard, int least, int most)
    {
        if (Find(key) is not { } value)
            return standard;
        return value is JsonValue number && number.TryGetValue(out long integer) && integer >= least && integer <= most
            ? (int)integer
            : throw Bad(key, value, string.Create(CultureInfo.InvariantCulture, $"an integer from {least} to {most}"));
    }

    public bool Flag(string key, bool standard) => Find(key) is not { } value
        ? standard
        : value.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Bad(key, value, "true or false"),
        };

    public IReadOnlyList<string>? Texts(string key)
    {
        if (Find(key) is not { } value)
            return null;
        return value is JsonArray items && items.All(item => item?.GetValueKind() == JsonValueKind.String)
            ? [.. items.Select(item => item!.GetValue<string>())]
            : throw Bad(key, value, "a list of texts");
    }

    /// <summary>A mapping of texts; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> TextsByKey(string key)
    {
        if (Find(key) is not { } value)
            return new Dictionary<string, string>();
        return value is JsonObject members && members.All(member => member.Value?.GetValueKind() == JsonValueKind.String)
            ? members.ToDictionary(member => member.Key, member => member.Value!.GetValue<string>())
            : throw Bad(key, value, "a mapping of texts");
    }

    public JsonArray List(string key) => Find(key) as JsonArray ?? throw new ToolException($"'{At(key)}' must be a list.");

    public bool Has(string key) => Find(key) is not null;

    public VerlSection Section(string key) => new(Find(key), At(key));

    /// <summary>The mapping as it is, for whoever knows its keys better.</summary>
    public JsonObject Mapping(string key) => Find(key) as JsonObject ?? throw new ToolException($"'{At(key)}' must be a mapping.");

    /// <exception cref="ToolException">A key was not asked for; the message names it and the known ones.</exception>
    public void RefuseOthers()
    {
        foreach ((string key, _) in _members)
        {
            if (!_known.Contains(key))
                throw new ToolException($"'{At(key)}' is unknown; known keys there: {string.Join(", ", _known)}.");
        }
    }

    private string At(string key) => _path.Length == 0 ? key : $"{_path}.{key}";

    private JsonNode? Find(string key)
    {
        if (!_known.Contains(key))
            _known.Add(key);
        return _members[key];
    }

    private ToolException Bad(string key, JsonNode value, string wanted) => new($"'{At(key)}' is {value.ToJsonString()}; it must be {wanted}.");
}
