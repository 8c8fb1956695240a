using AgentRollout.Gateway.Weights;
using Xunit;

namespace AgentRollout.Gateway.Tests.Weights;

public sealed class ByteRangesTests
{
    [Fact]
    public void Ranges_hold_what_a_set_of_single_bytes_holds()
    {
        const int size = 40;
        Random random = new(5);
        for (int round = 0; round < 200; round++)
        {
            ByteRanges ranges = new();
            HashSet<long> bytes = [];
            for (int step = 0; step < 30; step++)
            {
                int start = random.Next(size), end = random.Next(start, size + 1);
                IEnumerable<long> range = Enumerable.Range(start, end - start).Select(at => (long)at);
                if (random.Next(3) == 0)
                {
                    ranges.Remove(start, end);
                    bytes.ExceptWith(range);
                }
                else
                {
                    ranges.Add(start, end);
                    bytes.UnionWith(range);
                }

                Assert.Equal(bytes.Count, ranges.Count);
                int from = random.Next(size), to = random.Next(from, size + 1);
                Assert.Equal(Enumerable.Range(from, to - from).All(at => bytes.Contains(at)), ranges.Covers(from, to));
            }
        }
    }
}
