using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Page.Tests;

/// <summary>More than a short test can play.</summary>
internal static class LongRecords
{
    /// <summary>Stores a trajectory under many ids, in groups of eight; the last is <c>many-{count / 8 - 1}-7</c>.</summary>
    public static Task StoreManyAsync(PageServer server, Trajectory template, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(index => server.Store.AppendAsync(
            template with { Id = $"many-{index / 8}-{index % 8}", GroupId = $"many-{index / 8}", RolloutId = "many", SampleIndex = index % 8 }, CancellationToken.None).AsTask()));

    /// <summary>Stores a trajectory of many turns whose tokens are those of a real one, over and over.</summary>
    public static async Task<Trajectory> StoreLongTrajectoryAsync(PageServer server, IEnumerable<Trajectory> played, int tokens)
    {
        Trajectory template = played.First(trajectory => trajectory.ToolCalls.Count > 0);
        TrajectorySequence source = template.Sequences[0];
        List<TokenSegment> segments = [];
        for (int start = 0, turn = 0; start < tokens; turn++)
        {
            int end = Math.Min(tokens, start + (turn % 2 == 0 ? 900 : 100));
            segments.Add(turn % 2 == 0
                ? new TokenSegment(start, end, SegmentSource.Sampled, turn / 2 + 1, 0, "stop")
                : new TokenSegment(start, end, SegmentSource.Observation, turn / 2 + 1));
            start = end;
        }

        int[] ids = [.. Enumerable.Range(0, tokens).Select(i => source.TokenIds[i % source.TokenIds.Length])];
        int[] mask = new int[tokens];
        foreach (TokenSegment segment in segments.Where(segment => segment.Source == SegmentSource.Sampled))
            Array.Fill(mask, 1, segment.Start, segment.End - segment.Start);
        Trajectory trajectory = template with
        {
            Id = "long-0-0",
            GroupId = "long-0",
            RolloutId = "long",
            ToolCalls = [],
            Sequences =
            [
                source with
                {
                    TokenIds = ids,
                    LossMask = mask,
                    Logprobs = [.. mask.Select((one, i) => one == 1 ? (float?)-(i % 9) / 2f : null)],
                    SamplingLogprobs = null,
                    Segments = segments,
                },
            ],
        };
        await server.Store.AppendAsync(trajectory, CancellationToken.None);
        return trajectory;
    }
}
