using AgentRollout.Tokenization.Bpe;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Bpe;

public sealed class BytePairMergerTests
{
    [Fact]
    public void The_heap_gives_what_the_plain_scan_gives()
    {
        Random random = new(3);
        for (int round = 0; round < 2_000; round++)
        {
            BytePairMerger merger = new(RandomRanks(random, symbolCount: random.Next(2, 5), mergeCount: random.Next(1, 40)));
            int[] tokens = [.. Enumerable.Range(0, random.Next(1, 200)).Select(_ => random.Next(3))];
            int[] scanned = [.. tokens];
            int[] heaped = [.. tokens];
            int[] scannedLengths = [.. Enumerable.Range(0, tokens.Length)];
            int[] heapedLengths = [.. scannedLengths];
            int count = merger.MergeByScan(scanned, scannedLengths);
            Assert.Equal(scanned[..count], heaped[..merger.MergeByHeap(heaped, heapedLengths)]);
            Assert.Equal(scannedLengths[..count], heapedLengths[..count]);
        }
    }

    [Fact]
    public void The_lowest_rank_merges_first_and_the_leftmost_of_equals()
    {
        MergeRanks ranks = new(4);
        ranks.Add(1, 2, rank: 0, merged: 10);
        ranks.Add(0, 1, rank: 1, merged: 11);
        ranks.Add(3, 3, rank: 2, merged: 12);
        int[] tokens = [0, 1, 2, 3, 3, 3];
        int[] lengths = [1, 1, 1, 1, 2, 1];
        Assert.Equal([0, 10, 12, 3], tokens[..new BytePairMerger(ranks).Merge(tokens, lengths)]);
        Assert.Equal([1, 2, 3, 1], lengths[..4]);
    }

    /// <summary>Merges over tokens that are symbols or made by earlier merges, with ranks in a random order.</summary>
    private static MergeRanks RandomRanks(Random random, int symbolCount, int mergeCount)
    {
        MergeRanks ranks = new(1);
        int[] order = [.. Enumerable.Range(0, mergeCount)];
        random.Shuffle(order);
        for (int i = 0; i < mergeCount; i++)
            ranks.Add(random.Next(symbolCount + i), random.Next(symbolCount + i), order[i], symbolCount + i);
        return ranks;
    }
}
