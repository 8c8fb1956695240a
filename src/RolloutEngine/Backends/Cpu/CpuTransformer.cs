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
    private const int TileRows = 96;

    /// <summary>Rows that a worker attends together: enough to make use of each key that it reads, and few enough for its caches.</summary>
    private const int AttentionRows = 32;

    private const int MostNeighbours = 16;

    /// <summary>Panels of gates and factors that make the columns which <see cref="RowBlocks"/> converts together.</summary>
    private const int GatedPanels = RowBlocks.GroupColumns / (PackedMatrix.PanelOutputs / 2);

    /// <summary>Panels that a worker claims together, where there are enough of them.</summary>
    private const int MostPanelsPerItem = 8;

    /// <summary>Items that a phase of small ones has for each worker at least, where it has as many at all.</summary>
    private const int ItemsPerWorker = 4;

    /// <summary>Weights that a worker reads before it looks for another item: few enough to share the end of a matrix evenly.</summary>
    private const long ItemBytes = 512 << 10;

    private readonly ModelConfig _config;
    private readonly CpuKvCache _cache;
    private readonly KernelSet _kernels;
    private readonly double[] _frequencies;
    private readonly int _groupSize;
    private readonly float _attentionScale;

    private readonly Activations _hidden;
    private readonly Activations _qkv;
    private readonly Activations _rotations;
    private readonly Activations _attended;
    private readonly RowBlocks _normed;
    private readonly RowBlocks _attendedBlocks;
    private readonly RowBlocks _gated;
    private readonly TokenTiles _tiles;
    private readonly CpuScratch[] _scratch;

    public CpuTransformer(ModelConfig config, CpuWeights weights, CpuKvCache cache, KernelSet kernels, int maxTokens, int contextLength, int workers)
    {
        (_config, Weights, _cache, _kernels) = (config, weights, cache, kernels);
        _frequencies = [.. config.Rope.Frequencies];
        _groupSize = config.HeadCount / config.KvHeadCount;
        _attentionScale = cache.Scale / MathF.Sqrt(config.HeadDim);
        int queries = config.HeadCount * config.HeadDim;
        _hidden = new Activations(maxTokens, config.HiddenSize);
        _qkv = new Activations(maxTokens, queries + 2 * config.KvHeadCount * config.HeadDim);
        _rotations = new Activations(maxTokens, config.HeadDim);
        _attended = new Activations(maxTokens, queries);
        RowFormat format = weights.Type == WeightType.Int8 ? RowFormat.Int8 : weights.Type == WeightType.Bfloat16 ? RowFormat.BFloat16 : RowFormat.Float32;
        _normed = new RowBlocks(maxTokens, config.HiddenSize, format);
        _attendedBlocks = new RowBlocks(maxTokens, queries, format);
        _gated = new RowBlocks(maxTokens, config.FeedForwardSize, format);
        int together = Math.Clamp(AttentionRows / _groupSize, 1, MostNeighbours);
        _tiles = new TokenTiles(maxTokens, together);
        _scratch = [.. Enumerable.Range(0, workers).Select(_ => new CpuScratch(config, TileRows, together * _groupSize, cache.ValueDim, contextLength))];
    }

    /// <summary>Of the configuration's shape; replaced between batches only.</summary>
    public CpuWeights Weights { get; set; }

    /// <summary>Computes all tokens of the batch up to the last layer, and stores their keys and values.</summary>
    public void Layers(WorkerSet.Worker worker, ForwardBatch batch)
    {
        Embed(worker, batch);
        for (int index = 0; index < Weights.Layers.Count; index++)
        {
            CpuLayer layer = Weights.Layers[index];
            int tokens = batch.TokenCount;
            Normalize(worker, layer.AttentionNorm, tokens);
            Project(worker, layer.Qkv, tokens, _normed, Epilogue.Store, _qkv);
            RotateAndStore(worker, batch, layer, index);
            Attend(worker, batch, index);
            Pack(worker, _attended, tokens, _attendedBlocks);
            Project(worker, layer.AttentionOutput, tokens, _attendedBlocks, Epilogue.Add, _hidden);
            Normalize(worker, layer.FeedForwardNorm, tokens);
            Project(worker, layer.GateUp, tokens, _normed, Epilogue.SwiGlu, output: null);
            Project(worker, layer.Down, tokens, _gated, Epilogue.Add, _hidden);
        }
    }

    /// <summary>logits[i, 0..vocabulary] for the given output rows of the batch; call after <see cref="Layers"/>, as often as needed.</summary>
    public void Logits(WorkerSet.Worker worker, ReadOnlySpan<OutputRow> rows, Activations logits)
    {
        while (worker.Next(RowBlocks.CountFor(rows.Length), out int block))
        {
            for (int i = block * RowBlocks.Rows; i < Math.Min(rows.Length, (block + 1) * RowBlocks.Rows); i++)
                Normalize(worker, Weights.FinalNorm, rows[i].Row, i);
            WriteNormed(worker, block);
        }

        Project(worker, Weights.Head, rows.Length, _normed, Epilogue.Store, logits);
    }

    /// <summary>The vector of one token of the batch behind the last norm; for the caller's thread, after <see cref="Layers"/>.</summary>
    public void ReadNormed(int token, float* output) =>
        _kernels.RmsNorm(_hidden.Row(token), Weights.FinalNorm.Pointer, _config.HiddenSize, _config.RmsNormEpsilon, output);

    public void Dispose()
    {
        foreach (IDisposable buffer in (ReadOnlySpan<IDisposable>)[_hidden, _qkv, _rotations, _attended, _normed, _attendedBlocks, _gated, .. _scratch])
            buffer.Dispose();
    }

    private void Embed(WorkerSet.Worker worker, ForwardBatch batch)
    {
        while (worker.Next(1, out _))
            _tiles.Cut(batch);
        while (worker.Next(batch.TokenCount, out int token))
        {
            Weights.Embedding.CopyRow(batch.TokenIds[token], new Span<float>(_hidden.Row(token), _config.HiddenSize));
            Rope.Prepare(batch.Positions[token], _frequencies, _config.Rope.AttentionFactor, _rotations.Row(token));
        }
    }

    private void Normalize(WorkerSet.Worker worker, NativeBuffer<float> gain, int tokens)
    {
        while (worker.Next(RowBlocks.CountFor(tokens), out int block))
        {
            for (int token = block * RowBlocks.Rows; token < Math.Min(tokens, (block + 1) * RowBlocks.Rows); token++)
                Normalize(worker, gain, token, token);
            WriteNormed(worker, block);
        }
    }

    /// <summary>A token's residual stream, normalised, as a row of the worker's block.</summary>
    private void Normalize(WorkerSet.Worker worker, NativeBuffer<float> gain, int token, int row) =>
        _kernels.RmsNorm(
            _hidden.Row(token), gain.Pointer, _config.HiddenSize, _config.RmsNormEpsilon, _scratch[worker.Index].Normed.Row(row % RowBlocks.Rows));

    private void WriteNormed(WorkerSet.Worker worker, int block)
    {
        Activations normed = _scratch[worker.Index].Normed;
        _normed.Write(_kernels, block, 0, _config.HiddenSize, normed.Row(0), normed.Stride);
    }

    /// <summary>Puts rows where products read them, in the numbers that they read.</summary>
    private void Pack(WorkerSet.Worker worker, Activations rows, int count, RowBlocks target)
    {
        while (worker.Next(RowBlocks.CountFor(count), out int block))
            target.Write(_kernels, block, 0, rows.Columns, rows.Row(block * RowBlocks.Rows), rows.Stride);
    }

    /// <summary>The products of all rows with a matrix, tile by tile, each finished while it is in the cache.</summary>
    private void Project(WorkerSet.Worker worker, PackedMatrix matrix, int rows, RowBlocks input, Epilogue epilogue, Activations? output)
    {
        float* tile = _scratch[worker.Index].Tile;
        int blocks = (rows + TileRows - 1) / TileRows;
        int panels = PanelsPerItem(matrix, multipleOf: epilogue == Epilogue.SwiGlu ? GatedPanels : 1);
        while (worker.Next((matrix.PanelCount + panels - 1) / panels * blocks, out int item))
        {
            (int group, int block) = (item / blocks, item % blocks);
            int first = block * TileRows, count = Math.Min(TileRows, rows - first);
            int end = Math.Min(matrix.PanelCount, (group + 1) * panels);
            for (int panel = group * panels; panel < end; panel++)
            {
                // The other workers have claimed what follows this item; the one after theirs is most likely the next for this worker.
                int next = panel + 1 < end ? panel + 1 : end + (_scratch.Length - 1) * panels;
                matrix.Multiply(_kernels, panel, next, input, first / RowBlocks.Rows, count, tile);
                if (epilogue == Epilogue.SwiGlu)
                    FinishGated(matrix.Bias(panel), _scratch[worker.Index], panel, panel + 1 == end, first, count);
                else
                    Finish(epilogue, matrix.Bias(panel), tile, panel, first, count, output!);
            }
        }
    }

    /// <summary>As many neighbours as make a stream long enough to read ahead in, such that all workers get the same number of items.</summary>
    private int PanelsPerItem(PackedMatrix matrix, int multipleOf)
    {
        int most = (int)Math.Clamp(ItemBytes / matrix.PanelBytes, 1, MostPanelsPerItem);
        int rounds = (matrix.PanelCount + most * _scratch.Length - 1) / (most * _scratch.Length);
        int even = (matrix.PanelCount + rounds * _scratch.Length - 1) / (rounds * _scratch.Length);
        return (even + multipleOf - 1) / multipleOf * multipleOf;
    }

    /// <summary>Moves a tile to where it belongs. Outputs past the last one are zero, and stay so.</summary>
    private void Finish(Epilogue epilogue, float* bias, float* tile, int panel, int first, int rows, Activations output)
    {
        float* target = output.Row(first) + panel * PackedMatrix.PanelOutputs;
        if (epilogue == Epilogue.Add)
            _kernels.Add(tile, rows, bias, target, output.Stride);
        else
            _kernels.Store(tile, rows, bias, target, output.Stride);
    }

    /// <summary>Gates a tile, and moves the columns of four panels to where products read them, while they are in the cache.</summary>
    private void FinishGated(float* bias, CpuScratch scratch, int panel, bool isLast, int first, int rows)
    {
        const int columns = PackedMatrix.PanelOutputs / 2;
        if (bias is not null)
            _kernels.Store(scratch.Tile, rows, bias, scratch.Tile, PackedMatrix.PanelOutputs);

        int inGroup = panel % GatedPanels;
        _kernels.SwiGlu(scratch.Tile, rows, scratch.Gated + inGroup * columns, RowBlocks.GroupColumns);
        if (inGroup < GatedPanels - 1 && !isLast)
            return;
        for (int row = 0; row < rows; row += RowBlocks.Rows)
        {
            _gated.Write(
                _kernels, (first + row) / RowBlocks.Rows, (panel - inGroup) * columns, (inGroup + 1) * columns,
                scratch.Gated + row * RowBlocks.GroupColumns, RowBlocks.GroupColumns);
        }
    }

    private void RotateAndStore(WorkerSet.Worker worker, ForwardBatch batch, CpuLayer layer, int layerIndex)
    {
        // Neighbours share the cache lines of a page of keys, so that one worker had better store them.
        int tokens = batch.TokenCount, together = Math.Clamp(tokens / (ItemsPerWorker * _scratch.Length), 1, PagePool.PageTokens);
        while (worker.Next((tokens + together - 1) / together, out int item))
        {
            for (int token = item * together; token < Math.Min(tokens, (item + 1) * together); token++)
                RotateAndStore(batch, layer, layerIndex, token);
        }
    }

    private void RotateAndStore(ForwardBatch batch, CpuLayer layer, int layerIndex, int token)
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
    }

    private void PrepareHeads(float* heads, int count, NativeBuffer<float>? gain, float* rotation)
    {
        for (int head = 0; head < count; head++, heads += _config.HeadDim)
        {
            if (gain is not null)
                _kernels.RmsNorm(heads, gain.Pointer, _config.HeadDim, _config.RmsNormEpsilon, heads);
            _kernels.Rope(heads, rotation, _config.HeadDim);
        }
    }

    private void Attend(WorkerSet.Worker worker, ForwardBatch batch, int layer)
    {
        CpuScratch scratch = _scratch[worker.Index];
        while (worker.Next(_tiles.Count * _config.KvHeadCount, out int item))
        {
            // Later tokens of a prompt see more keys; taking them first leaves small items to even out the end of the phase.
            (int tile, int kvHead) = (_tiles.Count - 1 - item / _config.KvHeadCount, item % _config.KvHeadCount);
            (int first, int count) = _tiles[tile];
            AttendSome(scratch, batch, layer, kvHead, first, count);
        }
    }

    /// <summary>
    /// The query heads of one key-value head of a few neighbours of a sequence, over the tokens that each of them sees. All read the keys together, and
    /// the values of what the first one sees; what the later ones see besides is added alone, so that nobody's sum holds what comes after it.
    /// </summary>
    private void AttendSome(CpuScratch scratch, ForwardBatch batch, int layer, int kvHead, int firstToken, int count)
    {
        int headDim = _config.HeadDim, offset = kvHead * _groupSize * headDim, rows = count * _groupSize;
        int common = batch.Positions[firstToken] + 1, pages = PagePool.PagesFor(common + count - 1);
        nint slots = (pages + 1) / 2 * 2 * PagePool.PageTokens;
        for (int i = 0; i < count; i++)
            new ReadOnlySpan<float>(_qkv.Row(firstToken + i) + offset, _groupSize * headDim).CopyTo(new Span<float>(scratch.Queries + i * _groupSize * headDim, _groupSize * headDim));

        float* inverses = stackalloc float[rows];
        fixed (int* ids = batch.PagesOf(firstToken))
        {
            PageBlocks values = _cache.Values(layer, kvHead, ids);
            _kernels.Scores(_cache.Type, scratch.Queries, rows, headDim, _cache.Keys(layer, kvHead, ids), pages, scratch.Scores, slots);
            if (_cache.HasTokenScales)
                _kernels.ScaleTokens(scratch.Scores, rows, slots, _cache.KeyScales(layer, kvHead, ids), pages);
            for (int row = 0; row < rows; row++)
            {
                float* scores = scratch.Scores + row * slots;
                int tokens = common + row / _groupSize;
                new Span<float>(scores + tokens, (int)slots - tokens).Fill(float.NegativeInfinity);
                inverses[row] = _cache.Scale / _kernels.Exponentials(scores, (int)slots, _kernels.Max(scores, (int)slots), _attentionScale, scores);
            }

            if (_cache.HasTokenScales)
                _kernels.ScaleTokens(scratch.Scores, rows, slots, _cache.ValueScales(layer, kvHead, ids), pages);
            _kernels.SumValues(_cache.Type, scratch.Scores, slots, rows, values, common, _cache.ValueDim, scratch.Attended);
            for (int row = _groupSize; row < rows; row++)
            {
                float* weights = scratch.Scores + row * slots, output = scratch.Attended + row * _cache.ValueDim;
                _kernels.AddValues(_cache.Type, weights, values, common, common + row / _groupSize, _cache.ValueDim, output);
            }
        }

        for (int row = 0; row < rows; row++)
        {
            float* attended = scratch.Attended + row * _cache.ValueDim;
            float* target = _attended.Row(firstToken + row / _groupSize) + offset + row % _groupSize * headDim;
            for (int d = 0; d < headDim; d++)
                target[d] = attended[d] * inverses[row];
        }
    }

    /// <summary>What happens to a tile of a product.</summary>
    private enum Epilogue
    {
        Store,
        Add,
        SwiGlu,
    }
}
