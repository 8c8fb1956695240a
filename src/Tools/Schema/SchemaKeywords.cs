using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>The keywords of one schema object, read with errors that name the keyword and where the schema stands.</summary>
internal sealed class SchemaKeywords
{
    /// <summary>Keywords that constrain a value and are checked.</summary>
    public static readonly string[] Enforced =
        ["type", "enum", "properties", "required", "additionalProperties", "items", "minimum", "maximum", "minLength", "maxLength"];

    /// <summary>Keywords that constrain nothing; <c>format</c> is one by the standard's default.</summary>
    private static readonly string[] Annotations =
        ["title", "description", "default", "examples", "format", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id"];

    private readonly JsonElement _schema;
    private readonly string _path;

    public SchemaKeywords(JsonElement schema, string path)
    {
        _schema = schema;
        _path = path;
        if (schema.ValueKind != JsonValueKind.Object)
            throw new ToolException($"the schema{Place()} must be an object, found {schema.ValueKind}.");
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            if (!Enforced.Contains(keyword.Name) && !Annotations.Contains(keyword.Name))
                throw new ToolException($"schema keyword '{keyword.Name}'{Place()} is not supported; supported: {string.Join(", ", Enforced)}.");
        }
    }

    public string[]? StringOrStrings(string keyword, string[] known)
    {
        if (!_schema.TryGetProperty(keyword, out JsonElement value))
            return null;
        string[] names = value.ValueKind == JsonValueKind.String ? [value.GetString()!] : Strings(keyword)!;
        string? unknown = Array.Find(names, name => !known.Contains(name));
        return unknown is null ? names : throw new ToolException(
            $"{keyword} '{unknown}'{Place()} is unknown; known: {string.Join(", ", known)}.");
    }

    public string[]? Strings(string keyword)
    {
        JsonElement[]? items = Elements(keyword);
        if (items is not null && Array.Exists(items, item => item.ValueKind != JsonValueKind.String))
            throw Bad(keyword, "an array of strings");
        return items?.Select(item => item.GetString()!).ToArray();
    }

    public JsonElement[]? Elements(string keyword)
    {
        if (!_schema.TryGetProperty(keyword, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Bad(keyword, "an array");
    }

    public OrderedDictionary<string, JsonSchemaValidator>? Schemas(string keyword)
    {
        if (!_schema.TryGetProperty(keyword, out JsonElement value))
            return null;
        if (value.ValueKind != JsonValueKind.Object)
            throw Bad(keyword, "an object");
        var schemas = new OrderedDictionary<string, JsonSchemaValidator>();
        foreach (JsonProperty member in value.EnumerateObject())
            schemas[member.Name] = JsonSchemaValidator.Compile(member.Value, Below($"{keyword}.{member.Name}"));
        return schemas;
    }

    /// <summary>A schema, or true or false in its place.</summary>
    public JsonSchemaValidator? Schema(string keyword, out bool? allowed)
    {
        allowed = null;
        if (!_schema.TryGetProperty(keyword, out JsonElement value))
            return null;
        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            return JsonSchemaValidator.Compile(value, Below(keyword));
        allowed = value.GetBoolean();
        return null;
    }

    public decimal? Number(string keyword)
    {
        if (!_schema.TryGetProperty(keyword, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal number) ? number : throw Bad(keyword, "a number");
    }

    public int? Length(string keyword)
    {
        decimal? length = Number(keyword);
        if (length is < 0 or > int.MaxValue || length % 1 is not (null or 0))
            throw Bad(keyword, "a length");
        return (int?)length;
    }

    public ToolException Bad(string keyword, string wanted) =>
        new($"schema keyword '{keyword}'{Place()} must be {wanted}, found {_schema.GetProperty(keyword).GetRawText()}.");

    private string Place() => _path.Length == 0 ? "" : $" at '{_path}'";

    private string Below(string step) => _path.Length == 0 ? step : $"{_path}.{step}";
}
