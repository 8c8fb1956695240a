using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>
/// Which beginnings of sequences an engine was sent: a hash for every block of tokens, over all tokens up to its end. It need not be exact; a wrong
/// guess costs a prefill and changes no result. Not thread-safe.
/// </summary>
internal sealed class PrefixBlocks
{
    public const int BlockTokens = 64;

    /// <summary>8 million tokens and more.</summary>
    private const int Capacity = 1 << 17;

    private readonly RecentKeys<ulong, bool> _blocks = new(Capacity);

    /// <summary>The hashes of the whole blocks that the tokens begin with.</summary>
    public static ulong[] Hash(ReadOnlySpan<int> tokens)
    {
        ulong[] hashes = new ulong[tokens.Length / BlockTokens];
        ulong previous = 0;
        for (int i = 0; i < hashes.Length; i++)
        {
            ReadOnlySpan<byte> block = MemoryMarshal.AsBytes(tokens.Slice(i * BlockTokens, BlockTokens));
            hashes[i] = previous = XxHash64.HashToUInt64(block, unchecked((long)previous));
        }

        return hashes;
    }

    /// <summary>How many of the first tokens were sent before.</summary>
    public int CountKnown(ReadOnlySpan<ulong> hashes)
    {
        int known = 0;
        while (known < hashes.Length && _blocks.TryGet(hashes[known], out _))
            known++;
        return known * BlockTokens;
    }

    public void Add(ReadOnlySpan<ulong> hashes)
    {
        foreach (ulong hash in hashes)
            _blocks.Set(hash, true);
    }

    public void Clear() => _blocks.Clear();
}
