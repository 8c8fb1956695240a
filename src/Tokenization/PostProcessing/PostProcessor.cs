using System.Text.Json;

namespace AgentRollout.Tokenization.PostProcessing;

/// <summary>The special tokens that encoding puts around a text on request.</summary>
/// <param name="Before">Ids before the text.</param>
/// <param name="After">Ids behind it.</param>
internal sealed record PostProcessor(int[] Before, int[] After)
{
    private const string Known = "BertProcessing, ByteLevel, RobertaProcessing, Sequence, TemplateProcessing";

    /// <exception cref="TokenizerException">It cannot be honoured exactly.</exception>
    public static PostProcessor Read(JsonElement postProcessor)
    {
        PostProcessor none = new([], []);
        if (postProcessor.ValueKind == JsonValueKind.Null)
            return none;
        switch (JsonParts.TypeOf(postProcessor))
        {
            // It trims the offsets that the reference gives, and adds nothing.
            case "ByteLevel":
                return none;
            case "BertProcessing" or "RobertaProcessing":
                return new PostProcessor([IdOfPair(postProcessor, "cls")], [IdOfPair(postProcessor, "sep")]);
            case "TemplateProcessing":
                return ReadTemplate(postProcessor);
            case "Sequence":
                PostProcessor[] parts = [.. JsonParts.Items(postProcessor, "processors").Select(Read).Where(part => part.Before.Length + part.After.Length > 0)];
                return parts.Length <= 1
                    ? parts.FirstOrDefault(none)
                    : throw new TokenizerException("its post_processor adds special tokens twice, which is not supported.");
            default:
                throw JsonParts.Unsupported("post_processor", JsonParts.TypeOf(postProcessor), Known);
        }
    }

    /// <summary>The template of a single text; the one of pairs is not used.</summary>
    private static PostProcessor ReadTemplate(JsonElement part)
    {
        List<int> before = [];
        List<int> after = [];
        bool seen = false;
        foreach (JsonElement item in JsonParts.Items(part, "single"))
        {
            if (item.TryGetProperty("SpecialToken", out JsonElement special))
                (seen ? after : before).AddRange(IdsOf(part, JsonParts.Text(special, "id")));
            else if (!seen && item.TryGetProperty("Sequence", out JsonElement sequence) && JsonParts.Text(sequence, "id") == "A")
                seen = true;
            else
                throw new TokenizerException($"its template part {item.GetRawText()} is not supported; supported are special tokens and the sequence 'A' once.");
        }

        return seen ? new PostProcessor([.. before], [.. after]) : throw new TokenizerException("its template of a single text lacks the sequence 'A'.");
    }

    private static IEnumerable<int> IdsOf(JsonElement part, string name) =>
        JsonParts.Member(part, "special_tokens").TryGetProperty(name, out JsonElement token)
            ? JsonParts.Items(token, "ids").Select(id => id.GetInt32())
            : throw new TokenizerException($"its template names the special token '{name}', which 'special_tokens' lacks.");

    /// <summary>The id of a pair of token and id.</summary>
    private static int IdOfPair(JsonElement part, string member) => JsonParts.Member(part, member) is { ValueKind: JsonValueKind.Array } pair && pair.GetArrayLength() == 2
        ? pair[1].GetInt32()
        : throw new TokenizerException($"'{member}' of its '{JsonParts.TypeOf(part)}' is no pair of a token and its id.");
}
