using System.Diagnostics;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Sampling;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Runs batches on the processor: one region of all workers per step, from the embedding to the sampled tokens.</summary>
internal sealed class CpuModelRunner : IModelRunner
{
    /// <summary>Output rows whose logits exist at the same time; more rows are done in blocks.</summary>
    private const int LogitRows = 64;

    /// <summary>Multiply-adds that one worker does faster alone than two do with their waiting for each other.</summary>
    private const double WorkOfOneWorker = 4_000_000;

    private readonly ModelConfig _config;
    private readonly CpuKvCache _cache;
    private readonly CpuTransformer _transformer;
    private readonly Activations _logits;
    private readonly WorkerSet _workers;
    private readonly Sampler[] _samplers;
    private readonly SampledToken[] _results;
    private readonly Action<WorkerSet.Worker> _region;
    private readonly string _computePath;
    private ForwardBatch _batch;
    private bool _weightsReleased;

    public CpuModelRunner(
        ModelConfig config, CpuWeights weights, KernelSet kernels, int pageCount, int contextLength, int maxTokens, int threads,
        KvCacheType kvCacheType = KvCacheType.Auto)
    {
        _config = config;
        _computePath = kernels.Name;
        kvCacheType = CpuKvCache.TypeFor(kvCacheType, weights.StoredAsBFloat16);
        _cache = new CpuKvCache(config, kvCacheType, pageCount);
        PageBytes = CpuKvCache.PageBytes(config, kvCacheType);
        _transformer = new CpuTransformer(config, weights, _cache, kernels, maxTokens, contextLength, threads);
        _logits = new Activations(Math.Min(LogitRows, maxTokens), config.VocabularySize);
        _samplers = [.. Enumerable.Range(0, threads).Select(_ => new Sampler(kernels, config.VocabularySize))];
        _results = new SampledToken[maxTokens];
        _batch = new ForwardBatch(maxTokens);
        _workers = new WorkerSet(threads);
        _region = Step;
    }

    public string ComputePath => _computePath;

    public TimeSpan SamplingTime { get; private set; }

    public int PageCount => _cache.PageCount;

    public long PageBytes { get; }

    public void CopyPages(ReadOnlySpan<(int From, int To)> pages)
    {
        foreach ((int from, int to) in pages)
            _cache.Copy(from, to);
    }

    public void Run(ForwardBatch batch, Span<SampledToken> results)
    {
        _batch = batch;
        if (_weightsReleased)
            throw new InvalidOperationException("The weights are released; a batch needs them back.");
        SamplingTime = TimeSpan.Zero;
        double work = (double)batch.TokenCount * _transformer.Weights.ParameterCount;
        _workers.Run(_region, Math.Min(_workers.Count, 1 + (int)Math.Min(work / WorkOfOneWorker, _workers.Count)));
        _results.AsSpan(0, batch.Outputs.Length).CopyTo(results);
    }

    public IRunnerWeights LoadWeights(string path)
    {
        Checkpoint checkpoint = Checkpoint.Open(path);
        try
        {
            CpuWeights inUse = _transformer.Weights;
            return CpuWeights.Load(_config, checkpoint, inUse.Type, inUse.Memory);
        }
        finally
        {
            // To unmap a gigabyte of small pages takes a while, and nobody needs to wait for it.
            _ = Task.Run(checkpoint.Dispose);
        }
    }

    public void CheckWeights(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        new WeightMap(_config, checkpoint).AskForAll();
    }

    public void UseWeights(IRunnerWeights weights)
    {
        CpuWeights before = _transformer.Weights;
        _transformer.Weights = (CpuWeights)weights;
        _weightsReleased = false;
        before.Recycle();
    }

    public long ReleaseWeights()
    {
        if (_weightsReleased)
            return 0;
        _weightsReleased = true;
        long bytes = _transformer.Weights.Bytes + _transformer.Weights.Memory.Bytes;
        _transformer.Weights.Dispose();
        return bytes;
    }

    public long ReleasePages()
    {
        long before = Environment.WorkingSet;
        _cache.Discard();
        return Math.Max(0, before - Environment.WorkingSet);
    }

    /// <summary>The logits of an output row, for tests: row <paramref name="row"/> of the last block that was computed.</summary>
    internal unsafe ReadOnlySpan<float> LogitsOf(int row) => new(_logits.Row(row), _logits.Columns);

    public void Dispose()
    {
        _workers.Dispose();
        _transformer.Dispose();
        _logits.Dispose();
        foreach (Sampler sampler in _samplers)
            sampler.Dispose();
        _cache.Dispose();
        _transformer.Weights.Dispose();
    }

    private void Step(WorkerSet.Worker worker)
    {
        _transformer.Layers(worker, _batch);
        int outputs = _batch.Outputs.Length;
        for (int first = 0; first < outputs; first += LogitRows)
        {
            ReadOnlySpan<OutputRow> rows = _batch.Outputs.Slice(first, Math.Min(LogitRows, outputs - first));
            _transformer.Logits(worker, rows, _logits);
            long started = Stopwatch.GetTimestamp();
            Sample(worker, rows, first);
            if (worker.Index == 0)
                SamplingTime += Stopwatch.GetElapsedTime(started);
        }
    }

    private unsafe void Sample(WorkerSet.Worker worker, ReadOnlySpan<OutputRow> rows, int first)
    {
        while (worker.Next(rows.Length, out int i))
            _results[first + i] = _samplers[worker.Index].Sample(_logits.Row(i), rows[i]);
    }
}
