using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization.PreTokenization.Regex;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json, and refuses by name what cannot be honoured.</summary>
internal static class PreTokenizerReader
{
    private const string Known =
        "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence, Split, UnicodeScripts, Whitespace, "
        + "WhitespaceSplit";

    public static PreTokenizer Read(JsonElement preTokenizer)
    {
        List<PreTokenizerStep> steps = [];
        if (preTokenizer.ValueKind != JsonValueKind.Null)
            AddSteps(preTokenizer, steps);
        // The last step's spelling of bytes is left to the model, which sees each word only once.
        bool spellsBytes = steps is [.., ByteSpeller];
        return new PreTokenizer(spellsBytes ? [.. steps.SkipLast(1)] : steps, spellsBytes);
    }

    private static void AddSteps(JsonElement part, List<PreTokenizerStep> steps)
    {
        switch (JsonParts.TypeOf(part))
        {
            case "Sequence":
                foreach (JsonElement item in JsonParts.Items(part, "pretokenizers"))
                    AddSteps(item, steps);
                break;
            case "ByteLevel":
                AddByteLevel(part, steps);
                break;
            case "Split":
                steps.Add(new PatternSplitter(Pattern(JsonParts.Member(part, "pattern")), Behavior(part), JsonParts.Flag(part, "invert")));
                break;
            case "BertPreTokenizer":
                steps.Add(new PatternSplitter(CharacterPattern.WhiteSpace, SplitBehavior.Removed));
                steps.Add(new PatternSplitter(CharacterPattern.Punctuation, SplitBehavior.Isolated));
                break;
            case "CharDelimiterSplit":
                Rune delimiter = JsonParts.Character(part, "delimiter");
                steps.Add(new PatternSplitter(new CharacterPattern(rune => rune == delimiter), SplitBehavior.Removed));
                break;
            case "Digits":
                bool single = JsonParts.Flag(part, "individual_digits");
                steps.Add(new PatternSplitter(CharacterPattern.Number, single ? SplitBehavior.Isolated : SplitBehavior.Contiguous));
                break;
            case "FixedLength":
                steps.Add(new FixedLengthSplitter(JsonParts.Count(part, "length")));
                break;
            case "Metaspace":
                steps.Add(MetaspaceSplitter.Read(part));
                break;
            case "Punctuation":
                steps.Add(new PatternSplitter(CharacterPattern.Punctuation, Behavior(part, absent: "Isolated")));
                break;
            case "UnicodeScripts":
                steps.Add(new ScriptSplitter());
                break;
            case "Whitespace":
                steps.Add(new PatternSplitter(new WordPattern(), SplitBehavior.Removed, inverted: true));
                break;
            case "WhitespaceSplit":
                steps.Add(new PatternSplitter(CharacterPattern.WhiteSpace, SplitBehavior.Removed));
                break;
            case string type:
                throw JsonParts.Unsupported("pre_tokenizer", type, Known);
        }
    }

    private static void AddByteLevel(JsonElement part, List<PreTokenizerStep> steps)
    {
        if (JsonParts.Flag(part, "add_prefix_space", absent: true))
            steps.Add(new SpacePrefixer());
        if (JsonParts.Flag(part, "use_regex", absent: true))
            steps.Add(new PatternSplitter(new ScannerPattern(SplitScanner.Gpt2), SplitBehavior.Isolated));
        steps.Add(new ByteSpeller());
    }

    private static SplitBehavior Behavior(JsonElement part, string? absent = null)
    {
        string name = absent is null ? JsonParts.Text(part, "behavior") : JsonParts.Text(part, "behavior", absent);
        return Enum.TryParse(name, out SplitBehavior behavior) && behavior.ToString() == name
            ? behavior
            : throw JsonParts.Unsupported("split behavior", name, string.Join(", ", Enum.GetNames<SplitBehavior>()));
    }

    private static TextPattern Pattern(JsonElement pattern)
    {
        if (pattern.TryGetProperty("String", out JsonElement literal))
            return new LiteralPattern(literal.GetString() ?? "");
        string regex = pattern.TryGetProperty("Regex", out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw new TokenizerException($"its split pattern {pattern.GetRawText()} is neither a 'String' nor a 'Regex'.");
        return SplitScanner.ForPattern(regex) is { } scanner
            ? new ScannerPattern(scanner)
            : new RegexPattern(SplitRegex.Parse(regex));
    }
}
