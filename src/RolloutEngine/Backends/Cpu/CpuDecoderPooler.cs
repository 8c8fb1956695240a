using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>Pools the vectors of a decoder: the same layers as in generation, without an output layer. Long sequences are computed in chunks.</summary>
internal sealed unsafe class CpuDecoderPooler : IPoolingRunner
{
    private readonly CpuWeights _weights;
    private readonly CpuKvCache _cache;
    private readonly CpuTransformer _transformer;
    private readonly WorkerSet _workers;
    private readonly NativeBuffer<float> _normed;
    private readonly ForwardBatch _batch;
    private readonly List<(PooledJob Job, int Position)> _rows = [];
    private readonly Action<WorkerSet.Worker> _region;
    private readonly int _maxTokens;
    private readonly int _hiddenSize;

    private CpuDecoderPooler(ModelConfig config, CpuWeights weights, KvCacheType kvCacheType, int contextLength, int maxTokens, KernelSet kernels, int threads)
    {
        (_weights, _maxTokens, _hiddenSize) = (weights, maxTokens, config.HiddenSize);
        int pages = PagePool.PagesFor(Math.Max(maxTokens, contextLength));
        MaxSlots = pages * PagePool.PageTokens;
        _cache = new CpuKvCache(config, CpuKvCache.TypeFor(kvCacheType, weights.StoredAsBFloat16), pages);
        _transformer = new CpuTransformer(config, weights, _cache, kernels, maxTokens, contextLength, threads);
        _workers = new WorkerSet(threads);
        _normed = NativeBuffer<float>.Zeroed(config.HiddenSize);
        _batch = new ForwardBatch(maxTokens);
        _region = worker => _transformer.Layers(worker, _batch);
    }

    public int MaxSlots { get; }

    public int TokenTypes => 1;

    /// <param name="labels">Outputs of the classification head; 0 for none.</param>
    public static CpuDecoderPooler Load(
        ModelConfig config, Checkpoint checkpoint, int labels, int contextLength, EngineOptions options, KernelSet kernels, int threads, out PoolingHead? head)
    {
        if (checkpoint.Contains("embed_tokens.weight"))
            checkpoint.PutInFront("model.");
        WeightRows? score = labels > 0 ? new WeightRows(checkpoint.Get("score.weight", labels, config.HiddenSize), Bias: null) : null;
        CpuWeights weights = CpuWeights.Load(config, checkpoint, options.WeightType);
        head = score is null ? null : new PoolingHead([new PoolingHead.Dense(score)]);
        return new CpuDecoderPooler(config, weights, options.KvCacheType, contextLength, options.MaxBatchTokens, kernels, threads);
    }

    public void Run(IReadOnlyList<PooledJob> jobs)
    {
        int page = 0;
        Clear();
        foreach (PooledJob job in jobs)
        {
            int pageCount = PagePool.PagesFor(job.Length);
            int[] pages = [.. Enumerable.Range(page, pageCount)];
            page += pageCount;
            _batch.BeginSequence(pages);
            for (int position = 0; position < job.Length; position++)
            {
                if (_rows.Count == _maxTokens)
                {
                    RunBatch();
                    _batch.BeginSequence(pages);
                }

                _batch.AddToken(job.Request.Tokens.Span[position], position);
                _rows.Add((job, position));
            }
        }

        RunBatch();
    }

    public void Dispose()
    {
        _workers.Dispose();
        _transformer.Dispose();
        _cache.Dispose();
        _normed.Dispose();
        _weights.Dispose();
    }

    private void RunBatch()
    {
        _workers.Run(_region, _workers.Count);
        for (int row = 0; row < _rows.Count; row++)
        {
            (PooledJob job, int position) = _rows[row];
            if (!job.Wants(position))
                continue;
            _transformer.ReadNormed(row, _normed.Pointer);
            job.Add(new ReadOnlySpan<float>(_normed.Pointer, _hiddenSize));
        }

        Clear();
    }

    private void Clear()
    {
        _batch.Clear();
        _rows.Clear();
    }
}
