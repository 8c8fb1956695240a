namespace AgentRollout.Tokenization.Bpe;

/// <summary>
/// Merges the tokens of one word, always the pair of lowest rank first and the leftmost of equal ones, until none is left.
/// </summary>
internal sealed class BytePairMerger(MergeRanks ranks)
{
    /// <summary>Up to here the plain quadratic scan wins over the heap; both give the same tokens.</summary>
    private const int LongestScan = 96;

    /// <summary>
    /// Merges in place and returns the number of tokens left at the front of <paramref name="tokens"/>; the length of a merged token is
    /// the sum of its parts' in <paramref name="lengths"/>.
    /// </summary>
    public int Merge(Span<int> tokens, Span<int> lengths) =>
        tokens.Length <= LongestScan ? MergeByScan(tokens, lengths) : MergeByHeap(tokens, lengths);

    internal int MergeByScan(Span<int> tokens, Span<int> lengths)
    {
        int count = tokens.Length;
        Span<int> rankAt = count <= LongestScan ? stackalloc int[LongestScan] : new int[count]; // rank of the pair (i, i + 1)
        for (int i = 0; i + 1 < count; i++)
            rankAt[i] = ranks.Rank(tokens[i], tokens[i + 1], out _);

        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < count; i++)
            {
                if (rankAt[i] < rankAt[best])
                    best = i;
            }

            if (rankAt[best] == int.MaxValue)
                break;
            ranks.Rank(tokens[best], tokens[best + 1], out int merged);
            tokens[best] = merged;
            lengths[best] += lengths[best + 1];
            tokens[(best + 2)..count].CopyTo(tokens[(best + 1)..]);
            lengths[(best + 2)..count].CopyTo(lengths[(best + 1)..]);
            if (best + 2 < count)
                rankAt[(best + 2)..count].CopyTo(rankAt[(best + 1)..]);
            count--;
            if (best > 0)
                rankAt[best - 1] = ranks.Rank(tokens[best - 1], merged, out _);
            if (best + 1 < count)
                rankAt[best] = ranks.Rank(merged, tokens[best + 1], out _);
        }

        return count;
    }

    internal int MergeByHeap(Span<int> tokens, Span<int> lengths)
    {
        int[] next = new int[tokens.Length]; // position of the token to the right, tokens.Length at the end
        int[] previous = new int[tokens.Length];
        bool[] gone = new bool[tokens.Length];
        PriorityQueue<int, ulong> queue = new(tokens.Length); // the merged token by rank, then position
        for (int i = 0; i < tokens.Length; i++)
        {
            next[i] = i + 1;
            previous[i] = i - 1;
            Offer(queue, tokens, i, i + 1);
        }

        while (queue.TryDequeue(out int merged, out ulong order))
        {
            int left = (int)order;
            if (gone[left] || next[left] >= tokens.Length)
                continue;
            int right = next[left];
            // Either side may have merged since the pair was offered.
            ranks.Rank(tokens[left], tokens[right], out int now);
            if (now != merged)
                continue;
            tokens[left] = merged;
            lengths[left] += lengths[right];
            gone[right] = true;
            next[left] = next[right];
            if (next[left] < tokens.Length)
                previous[next[left]] = left;
            Offer(queue, tokens, previous[left], left);
            Offer(queue, tokens, left, next[left]);
        }

        int count = 0;
        for (int i = 0; i < tokens.Length; i = next[i])
            (tokens[count], lengths[count++]) = (tokens[i], lengths[i]);
        return count;
    }

    private void Offer(PriorityQueue<int, ulong> queue, ReadOnlySpan<int> tokens, int left, int right)
    {
        if (left < 0 || right >= tokens.Length)
            return;
        int rank = ranks.Rank(tokens[left], tokens[right], out int merged);
        if (rank != int.MaxValue)
            queue.Enqueue(merged, ((ulong)(uint)rank << 32) | (uint)left);
    }
}
