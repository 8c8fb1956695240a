using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization;

/// <summary>Where in a text added tokens are recognised: outside the spans that nobody vouches for.</summary>
/// <param name="untrusted">The spans in order and without overlap; null stands for the whole text.</param>
/// <param name="control">The tokens that must not be spelled there; null stands for all.</param>
internal readonly struct MatchScope(IReadOnlyList<CharSpan>? untrusted, IReadOnlySet<int>? control = null)
{
    /// <summary>Whether nothing can be recognised.</summary>
    public bool IsEmpty => untrusted is null;

    public static MatchScope Of(AddedTokenMatching matching) => new(matching == AddedTokenMatching.All ? [] : null);

    /// <summary>Whether a part of the text may be the token: it touches no untrusted character, or the token is harmless there.</summary>
    public bool Allows(int token, int start, int end)
    {
        if (untrusted is null)
            return false;
        if (control?.Contains(token) == false)
            return true;
        int low = 0;
        int high = untrusted.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (untrusted[middle].End <= start)
                low = middle + 1;
            else
                high = middle;
        }

        // Characters that a normalizer made of one share its position: such a token still touches it.
        for (; low < untrusted.Count && untrusted[low].Start < Math.Max(end, start + 1); low++)
        {
            if (untrusted[low].Start < untrusted[low].End)
                return false;
        }

        return true;
    }
}
