using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>
/// Checks arguments against a JSON schema and says the first thing that is wrong in one sentence that a model can act on. Enforced are
/// <see cref="SchemaKeywords.Enforced"/>; annotations are ignored; a schema with any other keyword is refused when it is compiled, because
/// a constraint that is not enforced would be a silent one. It differs from the standard in two points, both stricter: an object schema
/// that lists properties and says nothing of additional ones allows none, and an integer is written without fraction and exponent.
/// </summary>
internal sealed class JsonSchemaValidator
{
    private static readonly string[] TypeNames = ["object", "array", "string", "number", "integer", "boolean", "null"];

    private readonly string[]? _types;
    private readonly JsonElement[]? _allowedValues;
    private readonly OrderedDictionary<string, JsonSchemaValidator>? _properties;
    private readonly string[] _required;
    private readonly JsonSchemaValidator? _additional;
    private readonly bool _closed;
    private readonly JsonSchemaValidator? _items;
    private readonly decimal? _minimum;
    private readonly decimal? _maximum;
    private readonly int? _minLength;
    private readonly int? _maxLength;

    private JsonSchemaValidator(SchemaKeywords keywords)
    {
        _types = keywords.StringOrStrings("type", TypeNames);
        _allowedValues = keywords.Elements("enum");
        _properties = keywords.Schemas("properties");
        _required = keywords.Strings("required") ?? [];
        _additional = keywords.Schema("additionalProperties", out bool? allowed);
        _closed = allowed == false || (allowed is null && _additional is null && _properties is not null);
        _items = keywords.Schema("items", out bool? anyItems);
        if (anyItems == false)
            throw keywords.Bad("items", "a schema");
        _minimum = keywords.Number("minimum");
        _maximum = keywords.Number("maximum");
        _minLength = keywords.Length("minLength");
        _maxLength = keywords.Length("maxLength");
    }

    /// <exception cref="ToolException">The schema is malformed or uses a keyword that is not enforced.</exception>
    public static JsonSchemaValidator Compile(JsonElement schema) => Compile(schema, "");

    internal static JsonSchemaValidator Compile(JsonElement schema, string path) => new(new SchemaKeywords(schema, path));

    /// <summary>Null where the value fits.</summary>
    public string? FindError(JsonElement value)
    {
        try
        {
            return FindError(value, "");
        }
        catch (InvalidOperationException)
        {
            // The framework refuses to read an escape such as \ud800 without its other half.
            return "The arguments have a string with half of a surrogate pair.";
        }
    }

    private string? FindError(JsonElement value, string path)
    {
        if (_types is not null && !Array.Exists(_types, type => HasType(value, type)))
            return $"{Subject(path)} must be {string.Join(" or ", _types.Select(WithArticle))}, found {Shown(value)}.";
        if (_allowedValues is not null && !Array.Exists(_allowedValues, allowed => JsonElement.DeepEquals(allowed, value)))
            return $"{Subject(path)} must be one of {string.Join(", ", _allowedValues.Select(allowed => allowed.GetRawText()))}, found {Shown(value)}.";
        return value.ValueKind switch
        {
            JsonValueKind.Object => FindObjectError(value, path),
            JsonValueKind.Array => FindItemError(value, path),
            JsonValueKind.String => FindLengthError(value, path),
            JsonValueKind.Number => FindRangeError(value, path),
            _ => null,
        };
    }

    private string? FindObjectError(JsonElement value, string path)
    {
        var seen = new HashSet<string>();
        foreach (JsonProperty member in value.EnumerateObject())
        {
            string memberPath = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
            if (!seen.Add(member.Name))
                return $"{Subject(memberPath)} is given twice.";
            JsonSchemaValidator? schema = null;
            if (_properties?.TryGetValue(member.Name, out schema) is not true && _closed)
                return $"{Subject(memberPath)} is unknown; known: {Known()}.";
            if ((schema ?? _additional)?.FindError(member.Value, memberPath) is { } error)
                return error;
        }

        string? missing = Array.Find(_required, name => !seen.Contains(name));
        return missing is null ? null : $"{Subject(path.Length == 0 ? missing : $"{path}.{missing}")} is required.";
    }

    private string? FindItemError(JsonElement value, string path)
    {
        if (_items is null)
            return null;
        int index = 0;
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (_items.FindError(item, $"{path}[{index++}]") is { } error)
                return error;
        }

        return null;
    }

    /// <summary>Characters are Unicode code points, as the standard says. The text is read in any case, to see that it can be.</summary>
    private string? FindLengthError(JsonElement value, string path)
    {
        string text = value.GetString()!;
        if (_minLength is null && _maxLength is null)
            return null;
        int length = text.EnumerateRunes().Count();
        if (length < _minLength)
            return $"{Subject(path)} must have at least {_minLength} characters, found {length}.";
        return length > _maxLength ? $"{Subject(path)} must have at most {_maxLength} characters, found {length}." : null;
    }

    private string? FindRangeError(JsonElement value, string path)
    {
        if (_minimum is null && _maximum is null)
            return null;
        if (IsBelow(value, _minimum))
            return $"{Subject(path)} must be at least {_minimum}, found {Shown(value)}.";
        return IsAbove(value, _maximum) ? $"{Subject(path)} must be at most {_maximum}, found {Shown(value)}." : null;
    }

    private static bool IsBelow(JsonElement value, decimal? bound) =>
        value.TryGetDecimal(out decimal number) ? number < bound : bound is not null && value.GetDouble() < 0;

    private static bool IsAbove(JsonElement value, decimal? bound) =>
        value.TryGetDecimal(out decimal number) ? number > bound : bound is not null && value.GetDouble() > 0;

    private static bool HasType(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        _ => value.ValueKind == JsonValueKind.Null,
    };

    private string Known() => _properties is null or { Count: 0 } ? "none" : string.Join(", ", _properties.Keys);

    private static string Subject(string path) => path.Length == 0 ? "The arguments" : $"Argument '{path}'";

    private static string WithArticle(string type) => type switch
    {
        "null" => "null",
        "array" or "integer" or "object" => $"an {type}",
        _ => $"a {type}",
    };

    private static string Shown(JsonElement value)
    {
        const int Limit = 60;
        string text = value.GetRawText();
        return text.Length <= Limit ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[Limit - 1]) ? Limit - 1 : Limit), "…");
    }
}
