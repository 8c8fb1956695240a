using System.Text.Json;
using AgentRollout.Tokenization.Normalization;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization;

/// <summary>Reads the small parts of a tokenizer.json, and refuses by name what cannot be honoured.</summary>
internal static class TokenizerPipeline
{
    public static AddedToken ReadAddedToken(JsonElement token)
    {
        string content = token.TryGetProperty("content", out JsonElement text) ? text.GetString() ?? "" : "";
        if (content.Length == 0 || !token.TryGetProperty("id", out JsonElement id))
            throw new TokenizerException($"the added token {token.GetRawText()} lacks its id or content.");
        return new AddedToken(
            id.GetInt32(), content, Flag(token, "single_word"), Flag(token, "lstrip"), Flag(token, "rstrip"),
            Flag(token, "normalized"), Flag(token, "special"));
    }

    /// <summary>The normalizer, null where texts are taken as they are.</summary>
    public static Normalizer? ReadNormalizer(JsonElement normalizer)
    {
        if (normalizer.ValueKind == JsonValueKind.Null)
            return null;
        return TypeOf(normalizer) switch
        {
            "NFC" => FormNormalizer.Nfc,
            "Sequence" => new SequenceNormalizer([.. Items(normalizer, "normalizers").Select(ReadNormalizer).OfType<Normalizer>()]),
            string type => throw Unsupported("normalizer", type, "NFC, Sequence"),
        };
    }

    public static PreTokenizer ReadPreTokenizer(JsonElement preTokenizer)
    {
        if (preTokenizer.ValueKind == JsonValueKind.Null)
            throw new TokenizerException("it has no pre_tokenizer; supported is a byte-level 'BPE'.");
        JsonElement[] steps = TypeOf(preTokenizer) == "Sequence" ? [.. Items(preTokenizer, "pretokenizers")] : [preTokenizer];
        if (steps is not [.., JsonElement last] || TypeOf(last) != "ByteLevel" || steps.Length > 2)
        {
            string types = string.Join(", ", steps.Select(TypeOf));
            throw new TokenizerException($"its pre_tokenizer [{types}] is not supported; supported are [ByteLevel] and [Split, ByteLevel].");
        }

        bool addsPrefixSpace = Flag(last, "add_prefix_space", absent: true);
        bool splits = Flag(last, "use_regex", absent: true);
        if (steps.Length == 1)
            return new PreTokenizer(splits ? SplitScanner.Gpt2 : null, addsPrefixSpace);
        if (splits || addsPrefixSpace)
            throw new TokenizerException("its ByteLevel pre_tokenizer with use_regex or add_prefix_space after a Split is not supported.");
        return new PreTokenizer(ReadSplit(steps[0]), AddPrefixSpace: false);
    }

    /// <summary>
    /// Post-processors only place the special tokens of <c>add_special_tokens=true</c>, which are the chat template's business here; an
    /// unknown one might do more.
    /// </summary>
    public static void RequireKnownPostProcessor(JsonElement postProcessor)
    {
        if (postProcessor.ValueKind == JsonValueKind.Null)
            return;
        switch (TypeOf(postProcessor))
        {
            case "ByteLevel" or "TemplateProcessing":
                break;
            case "Sequence":
                foreach (JsonElement item in Items(postProcessor, "processors"))
                    RequireKnownPostProcessor(item);
                break;
            case string type:
                throw Unsupported("post_processor", type, "ByteLevel, TemplateProcessing, Sequence");
        }
    }

    public static void RequireByteLevelDecoder(JsonElement decoder)
    {
        string type = decoder.ValueKind == JsonValueKind.Null ? "null" : TypeOf(decoder);
        if (type != "ByteLevel")
            throw Unsupported("decoder", type, "ByteLevel");
    }

    private static SplitScanner ReadSplit(JsonElement split)
    {
        string type = TypeOf(split);
        if (type != "Split")
            throw Unsupported("pre_tokenizer", type, "Split before ByteLevel");
        string behavior = split.TryGetProperty("behavior", out JsonElement value) ? value.GetString() ?? "" : "";
        if (behavior != "Isolated" || Flag(split, "invert"))
            throw new TokenizerException($"its Split with behavior '{behavior}' and invert {Flag(split, "invert")} is not supported; supported is 'Isolated', not inverted.");
        string? regex = split.TryGetProperty("pattern", out JsonElement pattern) && pattern.TryGetProperty("Regex", out JsonElement text)
            ? text.GetString()
            : null;
        return SplitScanner.ForPattern(regex ?? "")
            ?? throw new TokenizerException($"its split pattern {(regex is null ? "null" : $"'{regex}'")} is not supported; supported are those of GPT-2, Qwen2 and Llama-3.");
    }

    private static string TypeOf(JsonElement part) =>
        part.TryGetProperty("type", out JsonElement type) ? type.GetString() ?? "" : "";

    private static JsonElement.ArrayEnumerator Items(JsonElement part, string member) =>
        part.TryGetProperty(member, out JsonElement items)
            ? items.EnumerateArray()
            : throw new TokenizerException($"a part of type '{TypeOf(part)}' lacks '{member}'.");

    private static bool Flag(JsonElement part, string member, bool absent = false) =>
        part.TryGetProperty(member, out JsonElement value) ? value.GetBoolean() : absent;

    private static TokenizerException Unsupported(string part, string type, string supported) =>
        new($"its {part} '{type}' is not supported; supported: {supported}.");
}
