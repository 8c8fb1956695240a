using System.Text.Json;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>Reads the <c>normalizer</c> of a tokenizer.json, and refuses by name what cannot be honoured.</summary>
internal static class NormalizerReader
{
    private const string Known =
        "BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Prepend, Replace, Sequence, Strip, StripAccents";

    /// <summary>The normalizer, null where texts are taken as they are.</summary>
    public static Normalizer? Read(JsonElement part)
    {
        if (part.ValueKind == JsonValueKind.Null)
            return null;
        return JsonParts.TypeOf(part) switch
        {
            "BertNormalizer" => Bert(part),
            "ByteLevel" => new ByteLevelNormalizer(),
            "Lowercase" => new LowercaseNormalizer(),
            "NFC" => FormNormalizer.Nfc,
            "NFD" => FormNormalizer.Nfd,
            "NFKC" => FormNormalizer.Nfkc,
            "NFKD" => FormNormalizer.Nfkd,
            "Nmt" => new NmtNormalizer(),
            "Prepend" => new PrependNormalizer(JsonParts.Text(part, "prepend")),
            "Replace" => Replace(part),
            "Sequence" => new SequenceNormalizer([.. JsonParts.Items(part, "normalizers").Select(Read).OfType<Normalizer>()]),
            "Strip" => new StripNormalizer(JsonParts.Flag(part, "strip_left", absent: true), JsonParts.Flag(part, "strip_right", absent: true)),
            "StripAccents" => new StripAccentsNormalizer(),
            string type => throw JsonParts.Unsupported("normalizer", type, Known),
        };
    }

    /// <summary>Accents go with upper case where the file does not say.</summary>
    private static Normalizer Bert(JsonElement part)
    {
        bool lowercases = JsonParts.Flag(part, "lowercase", absent: true);
        return BertNormalizer.Create(
            JsonParts.Flag(part, "clean_text", absent: true),
            JsonParts.Flag(part, "handle_chinese_chars", absent: true),
            JsonParts.Flag(part, "strip_accents", absent: lowercases),
            lowercases);
    }

    private static ReplaceNormalizer Replace(JsonElement part)
    {
        JsonElement pattern = JsonParts.Member(part, "pattern");
        return pattern.TryGetProperty("String", out JsonElement literal) && literal.GetString() is { Length: > 0 } text
            ? new ReplaceNormalizer(text, JsonParts.Text(part, "content"))
            : throw new TokenizerException($"its Replace of {pattern.GetRawText()} is not supported; supported is a 'String' that is not empty.");
    }
}
