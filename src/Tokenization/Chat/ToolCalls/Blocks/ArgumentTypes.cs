using System.Text.Json;
using AgentRollout.Tokenization.Chat.ToolCalls.Python;

namespace AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

/// <summary>
/// Gives types to arguments that a format writes as bare text. By the tool's schema where it names the types of the argument: a text where
/// <c>string</c> is allowed (<c>null</c> is null where that is allowed too), else the value of one of these types that the text is as JSON or
/// as a Python literal. Where no schema is known: what the text is as JSON. A text that is neither stays a text: whether that fits is for the
/// check of the arguments to say.
/// </summary>
internal sealed class ArgumentTypes(JsonElement? schema)
{
    public static ArgumentTypes Of(string function, IReadOnlyList<FunctionSchema> tools) =>
        new(tools.FirstOrDefault(tool => tool.Name == function)?.Parameters);

    /// <summary>The argument as JSON.</summary>
    public string ToJson(string key, string text)
    {
        HashSet<string> types = TypesOf(key);
        string trimmed = text.Trim();
        if (types.Contains("string"))
            return trimmed == "null" && types.Contains("null") ? "null" : PythonReader.Quote(text);
        if (AsJson(trimmed, types) is { } json)
            return json;
        return types.Count > 0 && FromPython(trimmed) is { } literal && AsJson(literal, types) is not null ? literal : PythonReader.Quote(text);
    }

    private static string? AsJson(string text, HashSet<string> types) =>
        ToolCallJson.TryParse(text, out JsonElement value) is null && !ToolCallJson.HasBrokenText(value) && (types.Count == 0 || types.Contains(TypeOf(value, types)))
            ? text
            : null;

    private static string TypeOf(JsonElement value, HashSet<string> types) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.Number => types.Contains("number") ? "number" : "integer",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        JsonValueKind.Null => "null",
        _ => "string",
    };

    private static string? FromPython(string text)
    {
        try
        {
            return PythonReader.Literal(text);
        }
        catch (PythonSyntaxException)
        {
            return null;
        }
    }

    private HashSet<string> TypesOf(string key)
    {
        HashSet<string> types = new(StringComparer.Ordinal);
        if (Member(schema, "properties") is { } properties && Member(properties, key) is { } property)
            AddTypes(property, types, depth: 0);
        return types;
    }

    private static void AddTypes(JsonElement schema, HashSet<string> types, int depth)
    {
        JsonElement? type = Member(schema, "type");
        if (type is { ValueKind: JsonValueKind.String } one)
            types.Add(one.GetString()!);
        else if (type is { ValueKind: JsonValueKind.Array } several)
            types.UnionWith(several.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!));
        else if (Member(schema, "enum") is { ValueKind: JsonValueKind.Array } values)
            types.UnionWith(values.EnumerateArray().Select(value => TypeOf(value, ["number"])));
        foreach (string keyword in (string[])["anyOf", "oneOf"])
        {
            if (depth < 8 && Member(schema, keyword) is { ValueKind: JsonValueKind.Array } options)
            {
                foreach (JsonElement option in options.EnumerateArray())
                    AddTypes(option, types, depth + 1);
            }
        }
    }

    private static JsonElement? Member(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } container && container.TryGetProperty(name, out JsonElement member) ? member : null;
}
