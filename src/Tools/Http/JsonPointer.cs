using System.Globalization;
using System.Text.Json;

namespace AgentRollout.Tools.Http;

/// <summary>A JSON pointer of RFC 6901: the empty one is the whole document, <c>/a/0</c> the first item of member <c>a</c>.</summary>
internal sealed class JsonPointer
{
    private readonly string _text;
    private readonly string[] _steps;

    /// <exception cref="ToolException">The text is no JSON pointer.</exception>
    public JsonPointer(string text)
    {
        _text = text;
        if (text.Length > 0 && text[0] != '/' || text.Replace("~0", "", StringComparison.Ordinal).Replace("~1", "", StringComparison.Ordinal).Contains('~'))
            throw new ToolException($"'{text}' is no JSON pointer; one is empty or begins with '/', such as /result/text, and writes '~' as ~0 and '/' as ~1.");
        _steps = text.Length == 0 ? [] : Array.ConvertAll(text[1..].Split('/'), Unescape);
    }

    /// <summary>What it points to, or null.</summary>
    public JsonElement? Find(JsonElement document)
    {
        JsonElement place = document;
        foreach (string step in _steps)
        {
            bool found = place.ValueKind switch
            {
                JsonValueKind.Object => place.TryGetProperty(step, out place),
                JsonValueKind.Array => TryIndex(place, step, out place),
                _ => false,
            };
            if (!found)
                return null;
        }

        return place;
    }

    public override string ToString() => _text;

    private static bool TryIndex(JsonElement array, string step, out JsonElement item)
    {
        item = default;
        bool isIndex = int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && (step is "0" || step[0] != '0');
        if (!isIndex || index >= array.GetArrayLength())
            return false;
        item = array[index];
        return true;
    }

    private static string Unescape(string step) => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
}
