namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>Times of steps, with the work that they cannot avoid. A round is what throughput counts: a decode step, or all chunks of a prompt.</summary>
public sealed class StepMeasurement
{
    private readonly List<TimeSpan> _steps;
    private readonly List<TimeSpan> _rounds;
    private TimeSpan _open;

    internal StepMeasurement(int tokensPerRound, int rounds)
    {
        TokensPerRound = tokensPerRound;
        (_steps, _rounds) = (new(rounds), new(rounds));
    }

    public int TokensPerRound { get; }

    public IReadOnlyList<TimeSpan> Steps => _steps;

    public IReadOnlyList<TimeSpan> Rounds => _rounds;

    /// <summary>Processor time of all threads over all steps.</summary>
    public TimeSpan ProcessorTime { get; private set; }

    /// <summary>Multiplications and additions over all steps: matrices and attention, nothing else.</summary>
    public double Operations { get; private set; }

    /// <summary>Bytes over all steps: weights once per step, and the keys and values that are read.</summary>
    public double Bytes { get; private set; }

    internal void AddStep(StepTime time, double operations, double bytes, bool endsRound)
    {
        _steps.Add(time.Elapsed);
        _open += time.Elapsed;
        ProcessorTime += time.ProcessorTime;
        Operations += operations;
        Bytes += bytes;
        if (!endsRound)
            return;
        _rounds.Add(_open);
        _open = TimeSpan.Zero;
    }

    internal readonly record struct StepTime(TimeSpan Elapsed, TimeSpan ProcessorTime);
}
