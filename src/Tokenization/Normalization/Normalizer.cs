using System.Text.Json;
using AgentRollout.Tokenization.PreTokenization.Regex;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Changes text before it is cut into words. Thread-safe.</summary>
internal abstract class Normalizer
{
    /// <summary>Reads the <c>normalizer</c> of a tokenizer.json.</summary>
    /// <exception cref="TokenizerException">Its type is not supported, or a member is missing or of another kind.</exception>
    public static Normalizer Read(JsonElement json)
    {
        string type = json.ValueKind == JsonValueKind.Object ? Text(json, "type") : throw new TokenizerException("its normalizer is no object.");
        return type switch
        {
            "NFC" => FormNormalizer.Nfc,
            "NFD" => FormNormalizer.Nfd,
            "NFKC" => FormNormalizer.Nfkc,
            "NFKD" => FormNormalizer.Nfkd,
            "Lowercase" => new LowercaseNormalizer(),
            "StripAccents" => new StripAccentsNormalizer(),
            "Nmt" => new NmtNormalizer(),
            "ByteLevel" => new ByteLevelNormalizer(),
            "Strip" => new StripNormalizer(Flag(json, "strip_left"), Flag(json, "strip_right")),
            "Prepend" => new PrependNormalizer(Text(json, "prepend")),
            "Replace" => ReadReplace(json),
            "Precompiled" => ReadPrecompiled(json),
            "BertNormalizer" => ReadBert(json),
            "Sequence" => new SequenceNormalizer([.. Member(json, "normalizers", JsonValueKind.Array).EnumerateArray().Select(Read)]),
            _ => throw new TokenizerException(
                $"its normalizer '{type}' is not supported; supported: BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, "
                + "Replace, Sequence, Strip, StripAccents."),
        };
    }

    /// <summary>
    /// Normalizes a text. Returns false, and leaves the results empty, where nothing changes. <paramref name="origins"/> gives for each
    /// character of <paramref name="changed"/>, and for its end, the position in the text that it came from; it never falls.
    /// </summary>
    public abstract bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins);

    /// <summary>The whole text, normalized.</summary>
    public string Change(string text) => TryChange(text, out char[] changed, out _) ? new string(changed) : text;

    private static Normalizer ReadReplace(JsonElement json)
    {
        JsonElement pattern = Member(json, "pattern", JsonValueKind.Object);
        string content = Text(json, "content");
        if (pattern.TryGetProperty("Regex", out _))
            return new RegexReplaceNormalizer(SplitRegex.Parse(Text(pattern, "Regex")), content);
        string literal = Text(pattern, "String");
        return literal.Length > 0 ? new ReplaceNormalizer(literal, content) : new RegexReplaceNormalizer(SplitRegex.Parse(""), content);
    }

    private static PrecompiledNormalizer ReadPrecompiled(JsonElement json) =>
        Member(json, "precompiled_charsmap", JsonValueKind.String).TryGetBytesFromBase64(out byte[]? compiled)
            ? new PrecompiledNormalizer(new CharacterMap(compiled))
            : throw new TokenizerException("its 'precompiled_charsmap' is not in Base64.");

    private static Normalizer ReadBert(JsonElement json)
    {
        bool lowercases = Flag(json, "lowercase");
        bool stripsAccents = json.TryGetProperty("strip_accents", out JsonElement strip) && strip.ValueKind != JsonValueKind.Null
            ? Flag(json, "strip_accents")
            : lowercases;
        return BertNormalizer.Create(Flag(json, "clean_text"), Flag(json, "handle_chinese_chars"), stripsAccents, lowercases);
    }

    private static string Text(JsonElement json, string member) => Member(json, member, JsonValueKind.String).GetString()!;

    private static bool Flag(JsonElement json, string member) =>
        Member(json, member, JsonValueKind.True, JsonValueKind.False).ValueKind == JsonValueKind.True;

    private static JsonElement Member(JsonElement json, string member, params ReadOnlySpan<JsonValueKind> kinds) =>
        json.TryGetProperty(member, out JsonElement value) && kinds.Contains(value.ValueKind)
            ? value
            : throw new TokenizerException($"its normalizer has no member '{member}' of kind {kinds[0]}.");
}
