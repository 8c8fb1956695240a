using System.Text.Json;

namespace AgentRollout.Tools.Schema;

/// <summary>The words in which errors speak of arguments.</summary>
internal static class SchemaText
{
    private const int MaxShown = 60;

    public static string Subject(string path) => path.Length == 0 ? "The arguments" : $"Argument '{path}'";

    public static string Below(string path, string member) => path.Length == 0 ? member : $"{path}.{member}";

    public static string AnyOf(IEnumerable<string> types) => string.Join(" or ", types.Select(WithArticle));

    /// <summary>A value as it was written, cut where it is long.</summary>
    public static string Shown(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length <= MaxShown ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[MaxShown - 1]) ? MaxShown - 1 : MaxShown), "…");
    }

    private static string WithArticle(string type) => type switch
    {
        "null" => "null",
        "array" or "integer" or "object" => $"an {type}",
        _ => $"a {type}",
    };
}
