namespace AgentRollout.Gateway.Bench;

/// <summary>Watches the process's memory. What grows is told from what goes up and down by the peaks of two times: the second quarter and the last.</summary>
internal sealed class SoakMemory(TimeSpan duration)
{
    private const int Samples = 64;
    private const int Mebi = 1 << 20;

    /// <summary>Growth that counts as a leak, in MiB.</summary>
    private const int LeakOfProcess = 64;
    private const int LeakOfHeap = 16;

    private readonly List<(double Process, double Heap)> _samples = [];

    public double ProcessEarly => Early.Max(sample => sample.Process);

    public double ProcessLate => Late.Max(sample => sample.Process);

    public double HeapEarly => Early.Max(sample => sample.Heap);

    public double HeapLate => Late.Max(sample => sample.Heap);

    private IEnumerable<(double Process, double Heap)> Early => _samples.Skip(_samples.Count / 4).Take(Math.Max(1, _samples.Count / 4));

    private IEnumerable<(double Process, double Heap)> Late => _samples.TakeLast(Math.Max(1, _samples.Count / 4));

    /// <summary>Samples until the time is up, at least once.</summary>
    public async Task WatchAsync(CancellationToken stop)
    {
        do
        {
            Sample();
            await Task.Delay(duration / Samples, TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        while (!stop.IsCancellationRequested);
    }

    public IEnumerable<string> Problems()
    {
        if (ProcessLate - ProcessEarly > LeakOfProcess)
            yield return $"The process grew from {ProcessEarly:F0} to {ProcessLate:F0} MiB.";
        if (HeapLate - HeapEarly > LeakOfHeap)
            yield return $"The managed heap grew from {HeapEarly:F0} to {HeapLate:F0} MiB.";
    }

    private void Sample()
    {
        GC.Collect();
        _samples.Add(((double)Environment.WorkingSet / Mebi, (double)GC.GetTotalMemory(forceFullCollection: false) / Mebi));
    }
}
