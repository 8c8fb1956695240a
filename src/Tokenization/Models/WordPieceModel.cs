using System.Text;

namespace AgentRollout.Tokenization.Models;

/// <summary>BERT's model: from left to right always the longest token that fits; a word that cannot be covered is unknown as a whole.</summary>
/// <param name="vocabulary">The tokens.</param>
/// <param name="unknown">The token of words that cannot be covered.</param>
/// <param name="prefix">What the spelling of tokens inside a word begins with.</param>
/// <param name="maxCharacters">A word of more characters is unknown.</param>
internal sealed class WordPieceModel(Vocabulary vocabulary, UnknownToken unknown, string prefix, int maxCharacters) : TokenModel
{
    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(prefix);

    public override int Tokenize(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths)
    {
        int count = Utf8Text.CharacterCount(word) > maxCharacters ? -1 : Cover(word, ids, lengths);
        if (count >= 0)
            return count;
        ids[0] = unknown.Id;
        lengths[0] = word.Length;
        return 1;
    }

    private int Cover(ReadOnlySpan<byte> word, Span<int> ids, Span<int> lengths)
    {
        int longest = vocabulary.LongestToken;
        Span<byte> buffer = longest <= 512 ? stackalloc byte[512] : new byte[longest];
        int count = 0;
        for (int start = 0; start < word.Length;)
        {
            int prefixLength = start > 0 ? _prefix.Length : 0;
            if (prefixLength > longest)
                return -1;
            Span<byte> candidate = buffer[..Math.Min(prefixLength + word.Length - start, longest)];
            _prefix.AsSpan(0, prefixLength).CopyTo(candidate);
            word.Slice(start, candidate.Length - prefixLength).CopyTo(candidate[prefixLength..]);
            int length = LongestToken(candidate, prefixLength, out ids[count]);
            if (length == 0)
                return -1;
            lengths[count++] = length;
            start += length;
        }

        return count;
    }

    /// <summary>The longest token that the candidate begins with, in bytes of the word; 0 where there is none.</summary>
    private int LongestToken(ReadOnlySpan<byte> candidate, int prefixLength, out int id)
    {
        for (int end = candidate.Length; end > prefixLength; end--)
        {
            // Tokens are whole characters, so that one cut inside a character is never found.
            if (vocabulary.TryFind(candidate[..end], out id))
                return end - prefixLength;
        }

        id = -1;
        return 0;
    }
}
