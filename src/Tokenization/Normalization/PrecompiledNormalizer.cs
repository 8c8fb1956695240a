using System.Buffers;
using System.Globalization;
using System.Text;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>
/// Replaces characters by SentencePiece's compiled rules, the way of the reference: what a reader sees as one character is replaced as a
/// whole where it is short and the rules know its beginning, so that accents behind a replaced letter vanish; else its parts are replaced
/// one by one.
/// </summary>
internal sealed class PrecompiledNormalizer : Normalizer
{
    /// <summary>The most UTF-8 bytes of what is replaced as a whole.</summary>
    private const int LongestWhole = 5;

    private readonly CharacterMap _map;
    private readonly SearchValues<char> _plain; // ASCII characters that stay

    /// <exception cref="TokenizerException">The rules are damaged.</exception>
    public PrecompiledNormalizer(CharacterMap map)
    {
        _map = map;
        // The only two ASCII characters that are one to the reader are CR and LF.
        char[] plain = [.. Enumerable.Range(0, 128).Select(code => (char)code).Where(code => code is not ('\r' or '\n') && !_map.TryFind([(byte)code], out _))];
        _plain = SearchValues.Create(plain);
    }

    public override bool TryChange(ReadOnlySpan<char> text, out char[] changed, out int[] origins)
    {
        TextRewriter rewriter = new(text);
        for (int position = 0; ;)
        {
            int offset = text[position..].IndexOfAnyExcept(_plain);
            if (offset < 0)
                return rewriter.TryFinish(out changed, out origins);
            // A plain character may be the beginning of what a reader sees as one.
            int start = position + Math.Max(offset - 1, 0);
            position = start + StringInfo.GetNextTextElementLength(text[start..]);
            if (!TryReplaceWhole(text, start, position, ref rewriter))
                ReplaceParts(text, start, position, ref rewriter);
        }
    }

    private bool TryReplaceWhole(ReadOnlySpan<char> text, int start, int end, ref TextRewriter rewriter) =>
        end - start <= LongestWhole
        && Encoding.UTF8.GetByteCount(text[start..end]) <= LongestWhole
        && TryReplace(text, start, end, ref rewriter);

    private void ReplaceParts(ReadOnlySpan<char> text, int start, int end, ref TextRewriter rewriter)
    {
        while (start < end)
        {
            Rune.DecodeFromUtf16(text[start..end], out _, out int length);
            TryReplace(text, start, start + length, ref rewriter);
            start += length;
        }
    }

    private bool TryReplace(ReadOnlySpan<char> text, int start, int end, ref TextRewriter rewriter)
    {
        Span<byte> bytes = stackalloc byte[LongestWhole];
        int count = Encoding.UTF8.GetBytes(text[start..end], bytes);
        if (!_map.TryFind(bytes[..count], out ReadOnlySpan<byte> replacement))
            return false;
        Span<char> characters = replacement.Length <= 64 ? stackalloc char[64] : new char[replacement.Length];
        rewriter.Replace(start, end, characters[..Encoding.UTF8.GetChars(replacement, characters)]);
        return true;
    }
}
