using System.Text.Json;
using AgentRollout.Tokenization.Normalization;
using AgentRollout.Tokenization.PreTokenization;

namespace AgentRollout.Tokenization.Decoding;

/// <summary>Reads the <c>decoder</c> of a tokenizer.json, and refuses by name what cannot be honoured.</summary>
internal static class TokenDecoderReader
{
    private const string Known = "BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece";

    /// <summary>Without a decoder, tokens are joined by spaces, as in the reference.</summary>
    public static TokenDecoder Read(JsonElement decoder)
    {
        if (decoder.ValueKind == JsonValueKind.Null)
            return new TokenDecoder([new MappingStep((token, isFirst) => isFirst ? token : " " + token)]);
        List<DecoderStep> steps = [];
        AddSteps(decoder, steps);
        return new TokenDecoder(steps);
    }

    private static void AddSteps(JsonElement part, List<DecoderStep> steps)
    {
        switch (JsonParts.TypeOf(part))
        {
            case "Sequence":
                foreach (JsonElement item in JsonParts.Items(part, "decoders"))
                    AddSteps(item, steps);
                break;
            case "BPEDecoder":
                steps.Add(new BpeStep(NotEmpty(part, "suffix", "</w>")));
                break;
            case "ByteFallback":
                steps.Add(new ByteFallbackStep());
                break;
            case "ByteLevel":
                steps.Add(new ByteLevelStep());
                break;
            case "CTC":
                steps.Add(new CtcStep(
                    NotEmpty(part, "pad_token", "<pad>"), NotEmpty(part, "word_delimiter_token", "|"), JsonParts.Flag(part, "cleanup", absent: true)));
                break;
            case "Fuse":
                steps.Add(new FuseStep());
                break;
            case "Metaspace":
                steps.Add(Metaspace(part));
                break;
            case "Replace":
                steps.Add(Replace(part));
                break;
            case "Strip":
                steps.Add(new StripStep(Character(part), JsonParts.Count(part, "start"), JsonParts.Count(part, "stop")));
                break;
            case "WordPiece":
                string prefix = JsonParts.Text(part, "prefix", "##");
                bool cleansUp = JsonParts.Flag(part, "cleanup", absent: true);
                steps.Add(new MappingStep((token, isFirst) => WordPieceText.Join(token, isFirst, prefix, cleansUp)));
                break;
            case string type:
                throw JsonParts.Unsupported("decoder", type, Known);
        }
    }

    /// <summary>The first token loses the character that stands for a space, where encoding put it there.</summary>
    private static MappingStep Metaspace(JsonElement part)
    {
        string replacement = MetaspaceSplitter.ReadReplacement(part).ToString();
        bool isPrefixed = MetaspaceSplitter.ReadPrefixed(part) != MetaspaceSplitter.Prefixed.Never;
        return new MappingStep((token, isFirst) => token.Replace(replacement, isFirst && isPrefixed ? "" : " ", StringComparison.Ordinal));
    }

    private static MappingStep Replace(JsonElement part)
    {
        Normalizer replacement = Normalizer.Read(part); // it has the same members
        return new MappingStep((token, _) => replacement.Change(token), isUniform: true);
    }

    private static char Character(JsonElement part) =>
        JsonParts.Character(part, "content") is { IsBmp: true } character
            ? (char)character.Value
            : throw JsonParts.Unsupported("Strip content", JsonParts.Text(part, "content"), "a character below U+10000");

    private static string NotEmpty(JsonElement part, string member, string absent) =>
        JsonParts.Text(part, member, absent) is { Length: > 0 } text
            ? text
            : throw new TokenizerException($"its decoder '{JsonParts.TypeOf(part)}' with an empty '{member}' is not supported.");
}
