using System.Text;
using System.Text.Json;

namespace AgentRollout.Tokenization;

/// <summary>Reads the small parts of tokenizer.json, and names what is missing.</summary>
internal static class JsonParts
{
    public static string TypeOf(JsonElement part) =>
        part.TryGetProperty("type", out JsonElement type) ? type.GetString() ?? "" : "";

    public static JsonElement Member(JsonElement part, string member) =>
        part.TryGetProperty(member, out JsonElement value) ? value : throw new TokenizerException($"a part of type '{TypeOf(part)}' lacks '{member}'.");

    public static JsonElement.ArrayEnumerator Items(JsonElement part, string member) => Member(part, member).EnumerateArray();

    public static string Text(JsonElement part, string member) =>
        Member(part, member).GetString() ?? throw new TokenizerException($"'{member}' of a part of type '{TypeOf(part)}' is null.");

    public static string Text(JsonElement part, string member, string absent) =>
        part.TryGetProperty(member, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value.GetString()! : absent;

    public static bool Flag(JsonElement part, string member, bool absent = false) =>
        part.TryGetProperty(member, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value.GetBoolean() : absent;

    public static int Count(JsonElement part, string member)
    {
        int count = Member(part, member).GetInt32();
        return count >= 0 ? count : throw new TokenizerException($"'{member}' of a part of type '{TypeOf(part)}' is {count}; it must not be negative.");
    }

    /// <summary>A member that is one character.</summary>
    public static Rune Character(JsonElement part, string member)
    {
        string text = Text(part, member);
        return Rune.TryGetRuneAt(text, 0, out Rune rune) && rune.Utf16SequenceLength == text.Length
            ? rune
            : throw new TokenizerException($"'{member}' of a part of type '{TypeOf(part)}' is '{text}'; it must be one character.");
    }

    public static TokenizerException Unsupported(string part, string type, string supported) =>
        new($"its {part} '{type}' is not supported; supported: {supported}.");
}
