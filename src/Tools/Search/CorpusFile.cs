using System.Security.Cryptography;
using System.Text.Json;

namespace AgentRollout.Tools.Search;

/// <summary>
/// Reads a corpus of JSON lines <c>{"id": "…", "title": "…", "text": "…"}</c>, or Search-R1's <c>{"id": "…", "contents": "\"title\"\ntext"}</c>.
/// The title may be missing, an id may be a number, empty lines and further members are skipped. A bad line is refused with file, line number and what is wrong.
/// </summary>
internal static class CorpusFile
{
    public static IEnumerable<Passage> Read(string path)
    {
        var lineOfId = new Dictionary<string, int>();
        int line = 0;
        foreach (string text in File.ReadLines(path))
        {
            line++;
            if (string.IsNullOrWhiteSpace(text))
                continue;
            Passage passage = Parse(path, line, text);
            if (!lineOfId.TryAdd(passage.Id, line))
                throw Bad(path, line, $"the id '{passage.Id}' is already taken by line {lineOfId[passage.Id]}");
            yield return passage;
        }
    }

    /// <summary>Changes whenever the file's bytes do.</summary>
    public static string Fingerprint(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static Passage Parse(string path, int line, string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement entry = document.RootElement;
            if (entry.ValueKind != JsonValueKind.Object)
                throw Bad(path, line, $"expected an object, found {entry.ValueKind.ToString().ToLowerInvariant()}");
            string id = Member(path, line, entry, "id")!;
            return entry.TryGetProperty("contents", out _) && !entry.TryGetProperty("text", out _)
                ? Passage.FromContents(id, Member(path, line, entry, "contents")!)
                : new Passage(id, Member(path, line, entry, "title") ?? "", Member(path, line, entry, "text")!);
        }
        catch (JsonException error)
        {
            throw new ToolException($"{path}({line}): not JSON at byte {error.BytePositionInLine + 1}.", error);
        }
    }

    private static string? Member(string path, int line, JsonElement entry, string name)
    {
        bool optional = name == "title";
        if (!entry.TryGetProperty(name, out JsonElement value))
            return optional ? null : throw Bad(path, line, $"'{name}' is missing");
        if (name == "id" && value.ValueKind == JsonValueKind.Number)
            return value.GetRawText();
        if (value.ValueKind != JsonValueKind.String)
            throw Bad(path, line, $"'{name}' must be a string");
        string text = value.GetString()!;
        return optional || !string.IsNullOrWhiteSpace(text) ? text : throw Bad(path, line, $"'{name}' is empty");
    }

    private static ToolException Bad(string path, int line, string what) => new($"{path}({line}): {what}.");
}
