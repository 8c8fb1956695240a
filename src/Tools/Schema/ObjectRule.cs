using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>
/// What a schema asks of objects: <c>properties</c>, <c>patternProperties</c>, <c>additionalProperties</c>, <c>propertyNames</c>,
/// <c>required</c>, <c>minProperties</c> and <c>maxProperties</c>.
/// </summary>
internal sealed class ObjectRule
{
    private readonly OrderedDictionary<string, JsonSchemaValidator>? _properties;
    private readonly (SchemaPattern Names, JsonSchemaValidator Schema)[] _patterns;
    private readonly JsonSchemaValidator? _additional;
    private readonly JsonSchemaValidator? _names;
    private readonly string[] _required;
    private readonly int? _minProperties;
    private readonly int? _maxProperties;
    private readonly bool _closed;

    /// <param name="keywords">The schema.</param>
    /// <param name="isComposed">Whether other schemas speak of the same object, so that this one need not list all members.</param>
    public ObjectRule(SchemaKeywords keywords, bool isComposed)
    {
        _properties = keywords.Schemas("properties");
        _patterns = [.. (keywords.Schemas("patternProperties") ?? []).Select(pair => (keywords.ToPattern("patternProperties", pair.Key), pair.Value))];
        _additional = keywords.Schema("additionalProperties");
        _names = keywords.Schema("propertyNames");
        _required = keywords.Strings("required") ?? [];
        _minProperties = keywords.Length("minProperties");
        _maxProperties = keywords.Length("maxProperties");
        _closed = _additional is { AllowsNothing: true } || (_additional is null && _properties is not null && _patterns is [] && !isComposed);
    }

    /// <summary>Whether no member contradicts the one value that this schema allows for it: the tag of a union's case.</summary>
    public bool HasTagsOf(JsonElement value) => _properties?.All(
        pair => pair.Value.OnlyValue is not { } tag || !value.TryGetProperty(pair.Key, out JsonElement member) || JsonElement.DeepEquals(tag, member)) ?? true;

    public string? FindError(JsonElement value, string path, CheckBudget budget)
    {
        var seen = new HashSet<string>();
        foreach (JsonProperty member in value.EnumerateObject())
        {
            string memberPath = SchemaText.Below(path, member.Name);
            if (!seen.Add(member.Name))
                return $"{SchemaText.Subject(memberPath)} is given twice.";
            if (FindMemberError(member, memberPath, budget) is { } error)
                return error;
        }

        if (Array.Find(_required, name => !seen.Contains(name)) is { } missing)
            return $"{SchemaText.Subject(SchemaText.Below(path, missing))} is required.";
        if (seen.Count < _minProperties)
            return $"{SchemaText.Subject(path)} must have at least {_minProperties} members, found {seen.Count}.";
        return seen.Count > _maxProperties ? $"{SchemaText.Subject(path)} must have at most {_maxProperties} members, found {seen.Count}." : null;
    }

    private string? FindMemberError(JsonProperty member, string path, CheckBudget budget)
    {
        if (_names?.FindNameError(member.Name, path, budget) is { } wrongName)
            return wrongName;
        bool isKnown = false;
        if (_properties?.TryGetValue(member.Name, out JsonSchemaValidator? own) is true)
        {
            isKnown = true;
            if (own.FindError(member.Value, path, budget) is { } error)
                return error;
        }

        foreach ((SchemaPattern names, JsonSchemaValidator schema) in _patterns)
        {
            if (names.FindError(member.Name) is not null)
                continue;
            isKnown = true;
            if (schema.FindError(member.Value, path, budget) is { } error)
                return error;
        }

        if (isKnown)
            return null;
        return _closed ? $"{SchemaText.Subject(path)} is unknown; known: {Known()}." : _additional?.FindError(member.Value, path, budget);
    }

    private string Known() => _properties is null or { Count: 0 } ? "none" : string.Join(", ", _properties.Keys);
}
