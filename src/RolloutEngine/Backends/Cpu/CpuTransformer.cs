using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// The decoder, phase by phase. Every method is run by all workers of a step together; the end of its loop is the end of a phase. Rows of
/// activations are padded with zeros that nothing writes, so that kernels may read past the last input.
/// </summary>
internal sealed unsafe class CpuTransformer : IDisposable
{
    /// <summary>Rows that a worker multiplies with a panel before it looks for another item.</summary>
    private const int TileRows = 64;

    private readonly ModelConfig _config;
    private readonly CpuWeights _weights;
    private readonly CpuKvCache _cache;
    private readonly KernelSet _kernels;
    private readonly double[] _frequencies;
    private readonly int _groupSize;
    private readonly float _attentionScale;

    private readonly Activations _hidden;
    private readonly Activations _normed;
    private readonly Activations _qkv;
    private readonly Activations _attended;
    private readonly Activations _gated;
    private readonly Activations _rotations;
    private readonly Scratch[] _scratch;

    public CpuTransformer(ModelConfig config, CpuWeights weights, CpuKvCache cache, KernelSet kernels, int maxTokens, int contextLength, int workers)
    {
        (_config, _weights, _cache, _kernels) = (config, weights, cache, kernels);
        _frequencies = [.. config.Rope.Frequencies];
        _groupSize = config.HeadCount / config.KvHeadCount;
        _attentionScale = 1f / MathF.Sqrt(config.HeadDim);
        int queries = config.HeadCount * config.HeadDim;
        _hidden = new Activations(maxTokens, config.HiddenSize);
        _normed = new Activations(maxTokens, config.HiddenSize);
        _qkv = new Activations(maxTokens, queries + 2 * config.KvHeadCount * config.HeadDim);
        _attended = new Activations(maxTokens, queries);
        _gated = new Activations(maxTokens, config.FeedForwardSize);
        _rotations = new Activations(maxTokens, config.HeadDim);
        _scratch = [.. Enumerable.Range(0, workers).Select(_ => new Scratch(_groupSize, cache.ValueDim, contextLength))];
    }

    /// <summary>Computes all tokens of the batch up to the last layer, and stores their keys and values.</summary>
    public void Layers(WorkerSet.Worker worker, ForwardBatch batch)
    {
        Embed(worker, batch);
        for (int index = 0; index < _weights.Layers.Count; index++)
        {
            CpuLayer layer = _weights.Layers[index];
            int tokens = batch.TokenCount;
            Normalize(worker, layer.AttentionNorm, tokens);
            Project(worker, layer.Qkv, tokens, _normed, _qkv, Epilogue.Store);
            RotateAndStore(worker, batch, layer, index);
            Attend(worker, batch, index);
            Project(worker, layer.AttentionOutput, tokens, _attended, _hidden, Epilogue.Add);
            Normalize(worker, layer.FeedForwardNorm, tokens);
            Project(worker, layer.GateUp, tokens, _normed, _gated, Epilogue.SwiGlu);
            Project(worker, layer.Down, tokens, _gated, _hidden, Epilogue.Add);
        }
    }

    /// <summary>logits[i, 0..vocabulary] for the given output rows of the batch; call after <see cref="Layers"/>, as often as needed.</summary>
    public void Logits(WorkerSet.Worker worker, ReadOnlySpan<OutputRow> rows, Activations logits)
    {
        while (worker.Next(rows.Length, out int i))
            Normalize(_weights.FinalNorm, _hidden.Row(rows[i].Row), _normed.Row(i));
        Project(worker, _weights.Head, rows.Length, _normed, logits, Epilogue.Store);
    }

    public void Dispose()
    {
        foreach (Activations buffer in (ReadOnlySpan<Activations>)[_hidden, _normed, _qkv, _attended, _gated, _rotations])
            buffer.Dispose();
        foreach (Scratch scratch in _scratch)
            scratch.Dispose();
    }

    private void Embed(WorkerSet.Worker worker, ForwardBatch batch)
    {
        while (worker.Next(batch.TokenCount, out int token))
        {
            _weights.Embedding.CopyRow(batch.TokenIds[token], new Span<float>(_hidden.Row(token), _config.HiddenSize));
            Rope.Prepare(batch.Positions[token], _frequencies, _config.Rope.AttentionFactor, _rotations.Row(token));
        }
    }

    private void Normalize(WorkerSet.Worker worker, NativeBuffer<float> gain, int tokens)
    {
        while (worker.Next(tokens, out int token))
            Normalize(gain, _hidden.Row(token), _normed.Row(token));
    }

    private void Normalize(NativeBuffer<float> gain, float* input, float* output) =>
        _kernels.RmsNorm(input, gain.Pointer, (int)gain.Length, _config.RmsNormEpsilon, output);

    private void Project(WorkerSet.Worker worker, PackedMatrix matrix, int rows, Activations input, Activations output, Epilogue epilogue)
    {
        float* tile = _scratch[worker.Index].Tile;
        int blocks = (rows + TileRows - 1) / TileRows;
        while (worker.Next(matrix.PanelCount * blocks, out int item))
        {
            (int panel, int block) = (item / blocks, item % blocks);
            int first = block * TileRows, count = Math.Min(TileRows, rows - first);
            matrix.Multiply(_kernels, panel, input.Row(first), input.Stride, count, tile);
            for (int row = 0; row < count; row++)
                Finish(epilogue, tile + row * PackedMatrix.PanelOutputs, output, first + row, panel);
        }
    }

    /// <summary>Moves one row of a tile to where it belongs.</summary>
    private void Finish(Epilogue epilogue, float* tile, Activations output, int row, int panel)
    {
        const int outputs = PackedMatrix.PanelOutputs;
        float* target = output.Row(row);
        if (epilogue == Epilogue.SwiGlu)
        {
            // The last panel may be partly empty; the padding must stay zero.
            float* gated = stackalloc float[outputs / 2];
            _kernels.SwiGlu(tile, tile + outputs / 2, outputs / 2, gated);
            Copy(gated, target + panel * outputs / 2, Math.Min(outputs / 2, output.Columns - panel * outputs / 2));
            return;
        }

        target += panel * outputs;
        int count = Math.Min(outputs, output.Columns - panel * outputs);
        if (epilogue == Epilogue.Store)
        {
            Copy(tile, target, count);
            return;
        }

        for (int i = 0; i < count; i++)
            target[i] += tile[i];
    }

    private static void Copy(float* source, float* target, int count) =>
        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(target, count));

    private void RotateAndStore(WorkerSet.Worker worker, ForwardBatch batch, CpuLayer layer, int layerIndex)
    {
        while (worker.Next(batch.TokenCount, out int token))
        {
            float* queries = _qkv.Row(token), keys = queries + _config.HeadCount * _config.HeadDim;
            float* values = keys + _config.KvHeadCount * _config.HeadDim;
            PrepareHeads(queries, _config.HeadCount, layer.QueryNorm, _rotations.Row(token));
            PrepareHeads(keys, _config.KvHeadCount, layer.KeyNorm, _rotations.Row(token));
            int position = batch.Positions[token], page = batch.PagesOf(token)[position / PagePool.PageTokens];
            for (int head = 0; head < _config.KvHeadCount; head++)
            {
                int offset = head * _config.HeadDim;
                _cache.Store(layerIndex, page, head, position % PagePool.PageTokens, keys + offset, values + offset);
            }

            for (int i = 0; i < _config.HeadCount * _config.HeadDim; i++)
                queries[i] *= _attentionScale;
        }
    }

    private void PrepareHeads(float* heads, int count, NativeBuffer<float>? gain, float* rotation)
    {
        for (int head = 0; head < count; head++, heads += _config.HeadDim)
        {
            if (gain is not null)
                Normalize(gain, heads, heads);
            _kernels.Rope(heads, rotation, _config.HeadDim);
        }
    }

    private void Attend(WorkerSet.Worker worker, ForwardBatch batch, int layer)
    {
        Scratch scratch = _scratch[worker.Index];
        while (worker.Next(batch.TokenCount * _config.KvHeadCount, out int item))
        {
            // Later tokens of a prompt see more keys; taking them first leaves small items to even out the end of the phase.
            (int token, int kvHead) = (batch.TokenCount - 1 - item / _config.KvHeadCount, item % _config.KvHeadCount);
            int offset = kvHead * _groupSize * _config.HeadDim;
            AttendOne(scratch, layer, kvHead, batch.PagesOf(token), batch.Positions[token] + 1, _qkv.Row(token) + offset, _attended.Row(token) + offset);
        }
    }

    /// <summary>One token's query heads of one key-value head, over all <paramref name="tokens"/> that it sees.</summary>
    private void AttendOne(Scratch scratch, int layer, int kvHead, ReadOnlySpan<int> pages, int tokens, float* queries, float* output)
    {
        int pageCount = PagePool.PagesFor(tokens), slots = pageCount * PagePool.PageTokens;
        for (int page = 0; page < pageCount; page++)
            _kernels.Scores(queries, _groupSize, _config.HeadDim, _cache.Keys(layer, pages[page], kvHead), scratch.Scores + page * PagePool.PageTokens, slots);

        float* inverses = stackalloc float[_groupSize];
        for (int head = 0; head < _groupSize; head++)
        {
            float* scores = scratch.Scores + (nint)head * slots;
            new Span<float>(scores + tokens, slots - tokens).Fill(float.NegativeInfinity);
            inverses[head] = 1f / _kernels.Exponentials(scores, slots, _kernels.Max(scores, slots), 1f, scores);
        }

        new Span<float>(scratch.Attended, _groupSize * _cache.ValueDim).Clear();
        for (int page = 0; page < pageCount; page++)
        {
            int first = page * PagePool.PageTokens;
            _kernels.AddValues(scratch.Scores + first, slots, _groupSize, _cache.Values(layer, pages[page], kvHead),
                Math.Min(PagePool.PageTokens, tokens - first), _cache.ValueDim, scratch.Attended);
        }

        for (int head = 0; head < _groupSize; head++)
        {
            for (int d = 0; d < _config.HeadDim; d++)
                output[head * _config.HeadDim + d] = scratch.Attended[head * _cache.ValueDim + d] * inverses[head];
        }
    }

    /// <summary>What happens to a tile of a product.</summary>
    private enum Epilogue
    {
        Store,
        Add,
        SwiGlu,
    }

    /// <summary>Memory of one worker.</summary>
    private sealed class Scratch(int groupSize, int valueDim, int contextLength) : IDisposable
    {
        private readonly NativeBuffer<float> _tile = NativeBuffer<float>.Uninitialized(TileRows * PackedMatrix.PanelOutputs);
        private readonly NativeBuffer<float> _attended = NativeBuffer<float>.Uninitialized(groupSize * valueDim);
        private readonly NativeBuffer<float> _scores = NativeBuffer<float>.Uninitialized(
            (long)groupSize * PagePool.PagesFor(contextLength) * PagePool.PageTokens);

        /// <summary>[row][32]</summary>
        public float* Tile => _tile.Pointer;

        /// <summary>[head][slot]</summary>
        public float* Scores => _scores.Pointer;

        /// <summary>[head][valueDim]</summary>
        public float* Attended => _attended.Pointer;

        public void Dispose()
        {
            _tile.Dispose();
            _attended.Dispose();
            _scores.Dispose();
        }
    }
}
