using System.Diagnostics;
using AgentRollout.RolloutEngine.Backends;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>A runner that notes how long another one takes. Its caller's thread is the only one that may read the notes while it runs.</summary>
internal sealed class StepRecorder(IModelRunner inner, ModelWork work) : IModelRunner
{
    private readonly List<StepTime> _steps = new(4096);
    private long _lastEnd;

    public IReadOnlyList<StepTime> Steps => _steps;

    public string ComputePath => inner.ComputePath;

    public TimeSpan SamplingTime => inner.SamplingTime;

    public int PageCount => inner.PageCount;

    public long PageBytes => inner.PageBytes;

    public void CopyPages(ReadOnlySpan<(int From, int To)> pages) => inner.CopyPages(pages);

    public IRunnerWeights LoadWeights(string path) => inner.LoadWeights(path);

    public void CheckWeights(string path) => inner.CheckWeights(path);

    public void UseWeights(IRunnerWeights weights) => inner.UseWeights(weights);

    public long ReleaseWeights() => inner.ReleaseWeights();

    public long ReleasePages() => inner.ReleasePages();

    public void Run(ForwardBatch batch, Span<SampledToken> results)
    {
        long started = Stopwatch.GetTimestamp();
        inner.Run(batch, results);
        long ended = Stopwatch.GetTimestamp();
        TimeSpan between = _lastEnd == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_lastEnd, started);
        _lastEnd = ended;
        _steps.Add(new StepTime(
            batch.TokenCount, batch.Outputs.Length, Stopwatch.GetElapsedTime(started, ended), inner.SamplingTime, between,
            work.Operations(batch), work.Bytes(batch)));
    }

    public void Clear()
    {
        _steps.Clear();
        _lastEnd = 0;
    }

    public void Dispose() => inner.Dispose();
}
