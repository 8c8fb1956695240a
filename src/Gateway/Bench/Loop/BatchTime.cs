namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>How long one decode step takes by the number of sequences in it, between measured points on straight lines.</summary>
/// <param name="Points">Sequences and milliseconds, in ascending order; at least two.</param>
internal sealed record BatchTime(IReadOnlyList<(int Sequences, double Milliseconds)> Points)
{
    /// <summary>
    /// This engine with int8 weights of Qwen2.5-0.5B's shape on two cores (docs/benchmarks.md, "The engine, beside llama.cpp"): batch 1, 8, 32 and 64
    /// at 48.2, 209.0, 314.6 and 373.0 tokens/s.
    /// </summary>
    public static BatchTime Qwen05Int8 { get; } = new([(1, 1_000 / 48.2), (8, 8_000 / 209.0), (32, 32_000 / 314.6), (64, 64_000 / 373.0)]);

    /// <summary>The time of one step; beyond the last point along its line.</summary>
    public TimeSpan Of(int sequences)
    {
        int next = 1;
        while (next < Points.Count - 1 && Points[next].Sequences < sequences)
            next++;
        (int x0, double y0) = Points[next - 1];
        (int x1, double y1) = Points[next];
        return TimeSpan.FromMilliseconds(y0 + (y1 - y0) * (sequences - x0) / (x1 - x0));
    }
}
