using System.Text.Json;

namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>SentencePiece's way with spaces: each becomes a visible character, which begins a word.</summary>
/// <param name="replacement">The visible character, U+2581 in practice.</param>
/// <param name="prefixed">Which texts get the character at their beginning where they lack it.</param>
/// <param name="splits">Whether words are cut before the character.</param>
internal sealed class MetaspaceSplitter(char replacement, MetaspaceSplitter.Prefixed prefixed, bool splits) : PreTokenizerStep
{
    private readonly PatternSplitter _splitter = new(new LiteralPattern(replacement.ToString()), SplitBehavior.MergedWithNext);

    /// <summary>Which texts get the character at their beginning; the names are those of tokenizer.json in lower case.</summary>
    internal enum Prefixed
    {
        Never,
        First,
        Always,
    }

    /// <exception cref="TokenizerException">A setting is unknown.</exception>
    public static MetaspaceSplitter Read(JsonElement part) =>
        new(ReadReplacement(part), ReadPrefixed(part), JsonParts.Flag(part, "split", absent: true));

    public static char ReadReplacement(JsonElement part) =>
        JsonParts.Character(part, "replacement") is { IsBmp: true } character
            ? (char)character.Value
            : throw JsonParts.Unsupported("Metaspace replacement", JsonParts.Text(part, "replacement"), "a character below U+10000");

    /// <summary>The <c>prepend_scheme</c>, or what the older <c>add_prefix_space</c> says.</summary>
    public static Prefixed ReadPrefixed(JsonElement part)
    {
        string scheme = JsonParts.Text(part, "prepend_scheme", "always");
        if (!JsonParts.Flag(part, "add_prefix_space", absent: true) && scheme != "never")
            throw new TokenizerException($"its Metaspace has add_prefix_space false, which contradicts prepend_scheme '{scheme}'.");
        return scheme switch
        {
            "never" => Prefixed.Never,
            "first" => Prefixed.First,
            "always" => Prefixed.Always,
            _ => throw JsonParts.Unsupported("prepend_scheme", scheme, "always, first, never"),
        };
    }

    public override TextPiece Change(scoped in TextPiece piece)
    {
        TextPiece changed = piece;
        if (piece.Text.Contains(' '))
        {
            char[] text = piece.Text.ToArray();
            text.AsSpan().Replace(' ', replacement);
            changed = piece.Changed(text, [.. Enumerable.Range(0, text.Length + 1)]);
        }

        bool prefixes = prefixed == Prefixed.Always || (prefixed == Prefixed.First && piece.Origin(0) == 0);
        return prefixes && changed.Text[0] != replacement ? changed.WithPrefix(replacement) : changed;
    }

    public override bool TryNext(ReadOnlySpan<char> text, ref int position, out int start, out int end) =>
        splits ? _splitter.TryNext(text, ref position, out start, out end) : base.TryNext(text, ref position, out start, out end);
}
