using System.Collections.Concurrent;
using System.Diagnostics;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench;

/// <summary>Sends requests as trajectories would, and notes how long each waited for its tokens.</summary>
internal sealed class LoadClient(ITokenEngine engine)
{
    private readonly ConcurrentBag<double> _gaps = [];
    private readonly ConcurrentBag<double> _firstTokens = [];

    /// <summary>Milliseconds between the tokens of a request, over all requests; 0 for those that came in one chunk.</summary>
    public double[] Gaps => [.. _gaps.Order()];

    /// <summary>Milliseconds from a request to its first token, over all requests.</summary>
    public double[] FirstTokens => [.. _firstTokens.Order()];

    /// <summary>Tokens that mean nothing; the same numbers give the same ones.</summary>
    public int[] Tokens(int count, int salt) => [.. Enumerable.Range(0, count).Select(i => (int)((i * 7919L + salt * 131) % engine.Model.VocabularySize))];

    /// <summary>Samples up to the length asked for and returns what was sampled.</summary>
    /// <param name="id">Of the trajectory: its next request begins with this one's tokens.</param>
    public async Task<List<int>> SampleAsync(string id, IReadOnlyList<int> tokens, int count, ulong seed, string? group = null)
    {
        GenerationRequest request = new() { Id = id, Tokens = tokens.ToArray(), MaxNewTokens = count, Seed = seed, GroupKey = group, CacheKey = id };
        List<int> sampled = new(count);
        long last = Stopwatch.GetTimestamp();
        await foreach (TokenChunk chunk in engine.GenerateAsync(request, CancellationToken.None))
        {
            long now = Stopwatch.GetTimestamp();
            (sampled.Count == 0 ? _firstTokens : _gaps).Add(Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
            for (int i = 1; i < chunk.Tokens.Length; i++)
                _gaps.Add(0);
            sampled.AddRange(chunk.Tokens.Span);
            last = now;
        }

        return sampled;
    }
}
