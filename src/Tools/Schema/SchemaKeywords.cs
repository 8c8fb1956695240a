using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>The keywords of one schema object, read with errors that name the keyword and where the schema stands.</summary>
internal sealed class SchemaKeywords
{
    /// <summary>Keywords that constrain a value and are checked.</summary>
    public static readonly string[] Enforced =
    [
        "type", "enum", "const", "nullable", "properties", "patternProperties", "additionalProperties", "propertyNames", "required",
        "minProperties", "maxProperties", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format", "$ref", "allOf", "anyOf", "oneOf", "not",
    ];

    /// <summary>
    /// Keywords that constrain nothing. <c>$defs</c> and <c>definitions</c> hold what references lead to, and <c>discriminator</c> only says
    /// again which case of a union a tag chooses.
    /// </summary>
    private static readonly string[] Annotations =
    [
        "title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$id", "$defs",
        "definitions", "discriminator", "contentEncoding", "contentMediaType",
    ];

    private readonly SchemaCompiler _compiler;
    private readonly JsonElement _schema;
    private readonly string _path;

    public SchemaKeywords(SchemaCompiler compiler, JsonElement schema, string path)
    {
        _compiler = compiler;
        _schema = schema;
        _path = path;
        if (schema.ValueKind != JsonValueKind.Object)
            throw new ToolException($"the schema{Place()} must be an object, found {schema.ValueKind}.");
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            if (!Enforced.Contains(keyword.Name) && !Annotations.Contains(keyword.Name) && !keyword.Name.StartsWith("x-", StringComparison.Ordinal))
                throw new ToolException($"schema keyword '{keyword.Name}'{Place()} is not supported; supported: {string.Join(", ", Enforced)}.");
        }
    }

    public bool HasAny(params ReadOnlySpan<string> keywords)
    {
        foreach (string keyword in keywords)
        {
            if (_schema.TryGetProperty(keyword, out _))
                return true;
        }

        return false;
    }

    public string[]? StringOrStrings(string keyword, string[] known)
    {
        if (Value(keyword) is not { } value)
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

    public JsonElement? Value(string keyword) => _schema.TryGetProperty(keyword, out JsonElement value) ? value : null;

    public JsonElement[]? Elements(string keyword)
    {
        if (Value(keyword) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : throw Bad(keyword, "an array");
    }

    public string? String(string keyword)
    {
        if (Value(keyword) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Bad(keyword, "a string");
    }

    public bool Flag(string keyword) => Value(keyword)?.ValueKind switch
    {
        null or JsonValueKind.False => false,
        JsonValueKind.True => true,
        _ => throw Bad(keyword, "true or false"),
    };

    public SchemaPattern? Pattern(string keyword) => String(keyword) is { } source ? ToPattern(keyword, source) : null;

    public SchemaPattern ToPattern(string keyword, string source)
    {
        try
        {
            return new SchemaPattern(source);
        }
        catch (ArgumentException error)
        {
            throw new ToolException($"schema keyword '{keyword}'{Place()} has '{source}', which is not a regular expression: {error.Message}", error);
        }
    }

    public OrderedDictionary<string, JsonSchemaValidator>? Schemas(string keyword)
    {
        if (Value(keyword) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Object)
            throw Bad(keyword, "an object");
        var schemas = new OrderedDictionary<string, JsonSchemaValidator>();
        foreach (JsonProperty member in value.EnumerateObject())
            schemas[member.Name] = _compiler.Compile(member.Value, Below($"{keyword}.{member.Name}"), isComposed: false);
        return schemas;
    }

    /// <param name="keyword">Has an array of schemas.</param>
    /// <param name="isComposed">Whether other schemas speak of the same object as each of them.</param>
    public IReadOnlyList<JsonSchemaValidator>? SchemaList(string keyword, bool isComposed = false)
    {
        if (Elements(keyword) is not { } elements)
            return null;
        if (elements is [])
            throw Bad(keyword, "an array of at least one schema");
        return [.. elements.Select((element, index) => _compiler.Compile(element, Below($"{keyword}[{index}]"), isComposed))];
    }

    /// <param name="keyword">Has a schema.</param>
    /// <param name="isComposed">Whether other schemas speak of the same object as it does.</param>
    public JsonSchemaValidator? Schema(string keyword, bool isComposed = false) =>
        Value(keyword) is { } value ? _compiler.Compile(value, Below(keyword), isComposed) : null;

    public SchemaReference? Reference(bool isComposed) =>
        String("$ref") is { } pointer ? _compiler.Refer(pointer, Place(), isComposed) : null;

    public decimal? Number(string keyword)
    {
        if (Value(keyword) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal number))
            return number;
        throw Bad(keyword, "a number");
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
