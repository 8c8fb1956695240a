using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Json;

/// <summary>
/// Reads JSON that people write, requests and configuration alike, and says in one sentence what is wrong with it: unknown, missing or
/// repeated members, wrong types, and values outside of a <see cref="RangeAttribute"/>.
/// </summary>
internal static class StrictJson
{
    private const int ShownCharacters = 60;

    /// <exception cref="InvalidInputException">The text does not fit the type; the message names the member, its value and what is known.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> utf8, JsonTypeInfo<T> type)
    {
        JsonElement root = UnicodeJson.Parse(utf8.Span, "The text");
        Check(root, type, path: "");
        return root.Deserialize(type)!;
    }

    /// <summary>Reads the body of a request; an empty one as an object without members.</summary>
    /// <exception cref="InvalidInputException">The body does not fit the type.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type)
    {
        using MemoryStream body = new();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        return Read(body.Length == 0 ? "{}"u8.ToArray() : body.GetBuffer().AsMemory(0, (int)body.Length), type);
    }

    private static void Check(JsonElement element, JsonTypeInfo type, string path)
    {
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object:
                CheckObject(element, type, path);
                break;
            case JsonTypeInfoKind.Enumerable:
                CheckArray(element, type, path);
                break;
            case JsonTypeInfoKind.Dictionary:
                CheckDictionary(element, type, path);
                break;
            default:
                CheckValue(element, type, path);
                break;
        }
    }

    private static void CheckObject(JsonElement element, JsonTypeInfo type, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Invalid(path, element, "an object");

        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (JsonProperty member in element.EnumerateObject())
        {
            string memberPath = path is "" ? member.Name : $"{path}.{member.Name}";
            JsonPropertyInfo property = type.Properties.FirstOrDefault(known => known.Name == member.Name)
                ?? throw new InvalidInputException(
                    ProblemCodes.UnknownMember,
                    $"Member '{memberPath}' is unknown; known members{(path is "" ? "" : $" of '{path}'")}: " +
                    $"{string.Join(", ", type.Properties.Select(known => known.Name))}.");
            if (!seen.Add(member.Name))
                throw new InvalidInputException(ProblemCodes.DuplicateMember, $"Member '{memberPath}' appears more than once.");
            CheckMember(member.Value, property, type.Options.GetTypeInfo(property.PropertyType), memberPath);
        }

        JsonPropertyInfo? missing = type.Properties.FirstOrDefault(known => known.IsRequired && !seen.Contains(known.Name));
        if (missing is not null)
        {
            throw new InvalidInputException(
                ProblemCodes.MissingMember, $"Member '{(path is "" ? "" : path + ".")}{missing.Name}' is missing.");
        }
    }

    private static void CheckMember(JsonElement value, JsonPropertyInfo property, JsonTypeInfo type, string path)
    {
        if (value.ValueKind == JsonValueKind.Null && property.IsSetNullable)
            return;
        Check(value, type, path);
        object[] ranges = property.AttributeProvider?.GetCustomAttributes(typeof(RangeAttribute), inherit: true) ?? [];
        if (ranges is [RangeAttribute range] && !range.IsValid(value.Deserialize(type)))
            throw Invalid(path, value, Describe(range));
    }

    private static void CheckArray(JsonElement element, JsonTypeInfo type, string path)
    {
        if (element.ValueKind != JsonValueKind.Array)
            throw Invalid(path, element, "an array");
        JsonTypeInfo elementType = type.Options.GetTypeInfo(type.ElementType!);
        int index = 0;
        foreach (JsonElement item in element.EnumerateArray())
            Check(item, elementType, $"{path}[{index++}]");
    }

    private static void CheckDictionary(JsonElement element, JsonTypeInfo type, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Invalid(path, element, "an object");
        JsonTypeInfo valueType = type.Options.GetTypeInfo(type.ElementType!);
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (JsonProperty member in element.EnumerateObject())
        {
            if (!seen.Add(member.Name))
                throw new InvalidInputException(ProblemCodes.DuplicateMember, $"Member '{path}.{member.Name}' appears more than once.");
            Check(member.Value, valueType, $"{path}.{member.Name}");
        }

        try
        {
            element.Deserialize(type);
        }
        catch (JsonException)
        {
            throw Invalid(path, element, "an object with valid names");
        }
    }

    private static void CheckValue(JsonElement element, JsonTypeInfo type, string path)
    {
        try
        {
            if (element.Deserialize(type) is not null)
                return;
        }
        catch (JsonException)
        {
        }

        throw Invalid(path, element, Describe(type.Type));
    }

    private static InvalidInputException Invalid(string path, JsonElement value, string expected) => new(
        ProblemCodes.InvalidValue,
        $"{(path is "" ? "The JSON text" : $"Member '{path}'")} is {Show(value)}; it must be {expected}.");

    private static string Show(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length <= ShownCharacters ? text : string.Concat(text.AsSpan(0, ShownCharacters), "…");
    }

    private static string Describe(RangeAttribute range)
    {
        string from = Convert.ToString(range.Minimum, CultureInfo.InvariantCulture)!;
        string to = Convert.ToString(range.Maximum, CultureInfo.InvariantCulture)!;
        return $"{(range.MinimumIsExclusive ? "above" : "at least")} {from} and {(range.MaximumIsExclusive ? "below" : "at most")} {to}";
    }

    private static string Describe(Type type)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain.IsEnum
            ? $"one of {string.Join(", ", Enum.GetNames(plain).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))}"
            : Describe(Type.GetTypeCode(plain));
    }

    private static string Describe(TypeCode code) => code switch
    {
        TypeCode.Boolean => "true or false",
        TypeCode.Int32 => "an integer of 32 bits",
        TypeCode.Int64 => "an integer of 64 bits",
        TypeCode.Single or TypeCode.Double => "a finite number",
        _ => "a string",
    };
}
