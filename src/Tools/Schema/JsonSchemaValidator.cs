using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>
/// Checks arguments against a JSON schema and says the first thing that is wrong in one sentence that a model can act on. Enforced are
/// <see cref="SchemaKeywords.Enforced"/>; annotations are ignored; a schema with any other keyword is refused when it is compiled, because
/// a constraint that is not enforced would be a silent one. It differs from the standard in two points, both stricter: an object schema
/// that lists properties, says nothing of additional ones and is not composed with others allows none, and an integer is written without
/// fraction and exponent.
/// </summary>
internal sealed class JsonSchemaValidator
{
    private static readonly string[] TypeNames = ["object", "array", "string", "number", "integer", "boolean", "null"];

    private readonly string[]? _types;
    private readonly JsonElement[]? _allowedValues;
    private readonly bool _nullable;
    private readonly ObjectRule? _objects;
    private readonly ArrayRule? _arrays;
    private readonly StringRule? _strings;
    private readonly NumberRule? _numbers;
    private readonly CompositionRule? _composition;

    /// <param name="keywords">The schema.</param>
    /// <param name="isComposed">Whether other schemas speak of the same object.</param>
    internal JsonSchemaValidator(SchemaKeywords keywords, bool isComposed)
    {
        _types = keywords.StringOrStrings("type", TypeNames);
        _allowedValues = keywords.Value("const") is { } only ? [only] : keywords.Elements("enum");
        _nullable = keywords.Flag("nullable");
        _objects = new ObjectRule(keywords, isComposed || keywords.HasAny("$ref", "allOf", "anyOf", "oneOf"));
        _arrays = new ArrayRule(keywords);
        _strings = new StringRule(keywords);
        _numbers = new NumberRule(keywords);
        if (keywords.HasAny("$ref", "allOf", "anyOf", "oneOf", "not"))
            _composition = new CompositionRule(keywords, isComposed || keywords.HasAny("properties", "patternProperties", "additionalProperties"));
    }

    private JsonSchemaValidator()
    {
    }

    /// <summary>The schema <c>true</c>.</summary>
    public static JsonSchemaValidator Anything { get; } = new();

    /// <summary>The schema <c>false</c>.</summary>
    public static JsonSchemaValidator Nothing { get; } = new();

    internal bool AllowsNothing => this == Nothing;

    /// <summary>The one value that is allowed, where there is only one.</summary>
    internal JsonElement? OnlyValue => _allowedValues is [var only] ? only : null;

    /// <summary>The types that the value may have as far as this schema, or one that it only points to, names them.</summary>
    internal IEnumerable<string>? Types =>
        _types is null ? _composition?.Alias?.Types : _nullable ? [.. _types, "null"] : _types;

    /// <summary>All schemas that are asked about the value itself.</summary>
    internal IEnumerable<JsonSchemaValidator> Parts => _composition?.Parts ?? [];

    /// <exception cref="ToolException">The schema is malformed or uses a keyword that is not enforced.</exception>
    public static JsonSchemaValidator Compile(JsonElement schema) => new SchemaCompiler(schema).CompileRoot();

    /// <summary>Null where the value fits.</summary>
    public string? FindError(JsonElement value)
    {
        try
        {
            var budget = new CheckBudget();
            string? error = FindError(value, "", budget);
            return budget.IsSpent ? CheckBudget.Spent : error;
        }
        catch (InvalidOperationException)
        {
            // The framework refuses to read an escape such as \ud800 without its other half.
            return "The arguments have a string with half of a surrogate pair.";
        }
    }

    internal bool AdmitsTypeOf(JsonElement value) => Types?.Any(type => HasType(value, type)) ?? true;

    internal bool HasTagsOf(JsonElement value) =>
        value.ValueKind != JsonValueKind.Object || ((_objects?.HasTagsOf(value) ?? true) && (_composition?.Alias?.HasTagsOf(value) ?? true));

    /// <summary>Checks the name of a member, as <c>propertyNames</c> asks.</summary>
    internal string? FindNameError(string name, string path, CheckBudget budget) =>
        FindError(JsonSerializer.SerializeToElement(name, ToolJson.Options), $"{path} (its name)", budget);

    internal string? FindError(JsonElement value, string path, CheckBudget budget)
    {
        if (!budget.TrySpend())
            return CheckBudget.Spent;
        if (AllowsNothing)
            return $"{SchemaText.Subject(path)} is not allowed.";
        if (_nullable && value.ValueKind == JsonValueKind.Null)
            return null;
        if (_types is not null && !Array.Exists(_types, type => HasType(value, type)))
            return $"{SchemaText.Subject(path)} must be {SchemaText.AnyOf(Types!)}, found {SchemaText.Shown(value)}.";
        if (_allowedValues is not null && !Array.Exists(_allowedValues, allowed => JsonElement.DeepEquals(allowed, value)))
            return $"{SchemaText.Subject(path)} must be {Allowed()}, found {SchemaText.Shown(value)}.";
        string? error = value.ValueKind switch
        {
            JsonValueKind.Object => _objects?.FindError(value, path, budget),
            JsonValueKind.Array => _arrays?.FindError(value, path, budget),
            JsonValueKind.String => _strings?.FindError(value, path),
            JsonValueKind.Number => _numbers?.FindError(value, path),
            _ => null,
        };
        return error ?? _composition?.FindError(value, path, budget);
    }

    private string Allowed() =>
        OnlyValue is { } only ? only.GetRawText() : $"one of {string.Join(", ", _allowedValues!.Select(allowed => allowed.GetRawText()))}";

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
}
