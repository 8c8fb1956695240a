using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>
/// An encoder of BERT's kind, phase by phase like <see cref="CpuTransformer"/>: every token sees all tokens of its sequence. Sequences lie one
/// behind the other, each from a multiple of 16 rows on, so that 16 keys are 16 lanes.
/// </summary>
internal sealed unsafe class CpuEncoder : IPoolingRunner
{
    private const int Lanes = Kernels.Lanes.Count;
    private const int ValueLanes = 2 * Lanes;
    private const int TileRows = 64;

    /// <summary>Tokens whose queries share one reading of the keys.</summary>
    private const int QueryGroup = 4;

    private readonly EncoderConfig _config;
    private readonly CpuEncoderWeights _weights;
    private readonly KernelSet _kernels;
    private readonly WorkerSet _workers;
    private readonly Action<WorkerSet.Worker> _region;
    private readonly Activations _hidden;
    private readonly Activations _qkv;
    private readonly RowBlocks _input;
    private readonly RowBlocks _attended;
    private readonly RowBlocks _feedForward;
    private readonly NativeBuffer<float> _keys;
    private readonly NativeBuffer<float> _values;
    private readonly NativeBuffer<int> _pages;
    private readonly Scratch[] _scratch;
    private readonly List<Place> _places = [];
    private readonly int _valueDim;
    private int _rows;

    private CpuEncoder(EncoderConfig config, CpuEncoderWeights weights, KernelSet kernels, int maxSlots, int threads)
    {
        (_config, _weights, _kernels, MaxSlots) = (config, weights, kernels, maxSlots);
        _valueDim = (config.HeadDim + ValueLanes - 1) / ValueLanes * ValueLanes;
        _hidden = new Activations(maxSlots, config.HiddenSize);
        _qkv = new Activations(maxSlots, 3 * config.HiddenSize);
        _input = new RowBlocks(maxSlots, config.HiddenSize, RowFormat.Float32);
        _attended = new RowBlocks(maxSlots, config.HiddenSize, RowFormat.Float32);
        _feedForward = new RowBlocks(maxSlots, config.FeedForwardSize, RowFormat.Float32);
        _keys = NativeBuffer<float>.Zeroed((long)maxSlots * config.HiddenSize);
        _values = NativeBuffer<float>.Zeroed((long)maxSlots * config.HeadCount * _valueDim);
        _pages = NativeBuffer<int>.Zeroed(maxSlots / PagePool.PageTokens);
        for (int page = 0; page < _pages.Length; page++)
            _pages.Pointer[page] = page;
        _scratch = [.. Enumerable.Range(0, threads).Select(_ => new Scratch(config.HiddenSize, config.HeadDim, _valueDim, maxSlots))];
        _workers = new WorkerSet(threads);
        _region = Forward;
    }

    public int MaxSlots { get; }

    public int TokenTypes => _config.TokenTypes;

    /// <param name="labels">Outputs of the classification head; 0 for none.</param>
    public static CpuEncoder Load(
        EncoderConfig config, Checkpoint checkpoint, int labels, EngineOptions options, KernelSet kernels, int threads, out PoolingHead? head)
    {
        if (options.WeightType != WeightType.Auto)
            throw new EngineException($"Engine option WeightType is {options.WeightType}; encoders are computed in {WeightType.Auto} only.");
        CpuEncoderWeights weights = new(config, checkpoint, labels);
        head = weights.Head;
        int slots = PagePool.PagesFor(Math.Max(options.MaxBatchTokens, config.ContextLength)) * PagePool.PageTokens;
        return new CpuEncoder(config, weights, kernels, slots, threads);
    }

    public void Run(IReadOnlyList<PooledJob> jobs)
    {
        _places.Clear();
        _rows = 0;
        foreach (PooledJob job in jobs)
        {
            _places.Add(new Place(job, _rows));
            _rows += _places[^1].Slots;
        }

        _workers.Run(_region, _workers.Count);
        foreach (Place place in _places)
        {
            for (int position = 0; position < place.Job.Length; position++)
            {
                if (place.Job.Wants(position))
                    place.Job.Add(new ReadOnlySpan<float>(_hidden.Row(place.First + position), _config.HiddenSize));
            }
        }
    }

    public void Dispose()
    {
        _workers.Dispose();
        foreach (IDisposable part in (ReadOnlySpan<IDisposable>)[_hidden, _qkv, _input, _attended, _feedForward, _keys, _values, _pages, .. _scratch, _weights])
            part.Dispose();
    }

    private void Forward(WorkerSet.Worker worker)
    {
        Embed(worker);
        Normalize(worker, _weights.EmbeddingNorm);
        foreach (CpuEncoderWeights.Layer layer in _weights.Layers)
        {
            Project(worker, layer.Qkv, _input, Epilogue.Store, _qkv);
            StoreKeys(worker);
            Attend(worker);
            Project(worker, layer.AttentionOutput, _attended, Epilogue.Add, _hidden);
            Normalize(worker, layer.AttentionNorm);
            Project(worker, layer.Up, _input, Epilogue.Gelu, output: null);
            Project(worker, layer.Down, _feedForward, Epilogue.Add, _hidden);
            Normalize(worker, layer.OutputNorm);
        }
    }

    private void Embed(WorkerSet.Worker worker)
    {
        float* row = _scratch[worker.Index].Row;
        while (worker.Next(_places.Count, out int item))
        {
            Place place = _places[item];
            for (int position = 0; position < place.Job.Length; position++)
            {
                float* hidden = _hidden.Row(place.First + position);
                int type = place.Job.Request.TokenTypes.IsEmpty ? 0 : place.Job.Request.TokenTypes.Span[position];
                _weights.Words.CopyRow(place.Job.Request.Tokens.Span[position], new Span<float>(hidden, _config.HiddenSize));
                AddRow(_weights.Types, type, row, hidden);
                AddRow(_weights.Positions, _config.FirstPosition + position, row, hidden);
            }
        }
    }

    private void AddRow(PackedMatrix table, int index, float* row, float* target)
    {
        table.CopyRow(index, new Span<float>(row, _config.HiddenSize));
        for (int i = 0; i < _config.HiddenSize; i++)
            target[i] += row[i];
    }

    /// <summary>Normalises the residual stream itself, which is where these models differ from decoders, and copies it to where products read it.</summary>
    private void Normalize(WorkerSet.Worker worker, CpuEncoderWeights.Norm norm)
    {
        while (worker.Next(_rows, out int row))
        {
            float* hidden = _hidden.Row(row);
            _kernels.LayerNorm(hidden, norm.Gain.Pointer, norm.Bias.Pointer, _config.HiddenSize, _config.LayerNormEpsilon, hidden);
            _input.Store(row, 0, hidden, _config.HiddenSize);
        }
    }

    private void Project(WorkerSet.Worker worker, PackedMatrix matrix, RowBlocks input, Epilogue epilogue, Activations? output)
    {
        float* tile = _scratch[worker.Index].Tile;
        int blocks = (_rows + TileRows - 1) / TileRows;
        while (worker.Next(matrix.PanelCount * blocks, out int item))
        {
            (int panel, int first) = (item / blocks, item % blocks * TileRows);
            int rows = Math.Min(TileRows, _rows - first);
            matrix.Multiply(_kernels, panel, next: panel + 1, input, first / RowBlocks.Rows, rows, tile);
            Finish(epilogue, matrix.Bias(panel), tile, first, rows, panel * PackedMatrix.PanelOutputs, output);
        }
    }

    private void Finish(Epilogue epilogue, float* bias, float* tile, int first, int rows, int column, Activations? output)
    {
        if (epilogue == Epilogue.Store)
        {
            _kernels.Store(tile, rows, bias, output!.Row(first) + column, output.Stride);
        }
        else if (epilogue == Epilogue.Add)
        {
            _kernels.Add(tile, rows, bias, output!.Row(first) + column, output.Stride);
        }
        else
        {
            _kernels.Store(tile, rows, bias, tile, PackedMatrix.PanelOutputs);
            _kernels.Gelu(tile, rows * PackedMatrix.PanelOutputs);
            for (int row = 0; row < rows; row++, tile += PackedMatrix.PanelOutputs)
                _feedForward.Store(first + row, column, tile, Math.Min(PackedMatrix.PanelOutputs, _config.FeedForwardSize - column));
        }
    }

    /// <summary>Keys [head][slots / 16][headDim][16 slots], values [head][slot][valueDim].</summary>
    private void StoreKeys(WorkerSet.Worker worker)
    {
        while (worker.Next(_rows, out int row))
        {
            float* keys = _qkv.Row(row) + _config.HiddenSize, values = keys + _config.HiddenSize;
            for (int head = 0; head < _config.HeadCount; head++, keys += _config.HeadDim, values += _config.HeadDim)
            {
                float* key = KeyBlock(head, row) + row % Lanes, value = Value(head, row);
                for (int d = 0; d < _config.HeadDim; d++)
                    (key[d * Lanes], value[d]) = (keys[d], values[d]);
            }
        }
    }

    private void Attend(WorkerSet.Worker worker)
    {
        Scratch scratch = _scratch[worker.Index];
        int groups = _rows / QueryGroup;
        while (worker.Next(groups * _config.HeadCount, out int item))
        {
            (int head, int row) = (item / groups, item % groups * QueryGroup);
            Place place = PlaceOf(row);
            int queries = Math.Min(QueryGroup, place.First + place.Job.Length - row);
            if (queries > 0)
                AttendSome(scratch, head, row, queries, place);
        }
    }

    /// <summary>A few tokens' queries of one head over all tokens of their sequence.</summary>
    private void AttendSome(Scratch scratch, int head, int row, int queries, Place place)
    {
        int headDim = _config.HeadDim, tokens = place.Job.Length, pages = PagePool.PagesFor(tokens), slots = (pages + 1) / 2 * ValueLanes;
        for (int i = 0; i < queries; i++)
            new ReadOnlySpan<float>(_qkv.Row(row + i) + head * headDim, headDim).CopyTo(new Span<float>(scratch.Queries + i * headDim, headDim));
        PageBlocks keys = new((byte*)KeyBlock(head, place.First), (nint)Lanes * headDim * sizeof(float), _pages.Pointer);
        PageBlocks values = new((byte*)Value(head, place.First), (nint)Lanes * _valueDim * sizeof(float), _pages.Pointer);
        _kernels.Scores(KvCacheType.Float32, scratch.Queries, queries, headDim, keys, pages, scratch.Scores, slots);
        float* inverses = stackalloc float[QueryGroup];
        for (int i = 0; i < queries; i++)
        {
            float* scores = scratch.Scores + (nint)i * slots;
            new Span<float>(scores + tokens, slots - tokens).Fill(float.NegativeInfinity);
            inverses[i] = 1f / _kernels.Exponentials(scores, slots, _kernels.Max(scores, slots), 1f / MathF.Sqrt(headDim), scores);
        }

        _kernels.SumValues(KvCacheType.Float32, scratch.Scores, slots, queries, values, tokens, _valueDim, scratch.Attended);
        for (int i = 0; i < queries; i++)
        {
            float* attended = scratch.Attended + i * _valueDim;
            for (int d = 0; d < headDim; d++)
                attended[d] *= inverses[i];
            _attended.Store(row + i, head * headDim, attended, headDim);
        }
    }

    private float* KeyBlock(int head, int row) => _keys.Pointer + ((long)head * MaxSlots + row / Lanes * Lanes) * _config.HeadDim;

    private float* Value(int head, int row) => _values.Pointer + ((long)head * MaxSlots + row) * _valueDim;

    private Place PlaceOf(int row)
    {
        int low = 0, high = _places.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _places[middle].First <= row ? (middle, high) : (low, middle - 1);
        }

        return _places[low];
    }

    /// <summary>What happens to a tile of a product.</summary>
    private enum Epilogue
    {
        Store,
        Add,
        Gelu,
    }

    /// <summary>Where a sequence lies among the rows.</summary>
    private readonly record struct Place(PooledJob Job, int First)
    {
        public int Slots => PagePool.PagesFor(Job.Length) * PagePool.PageTokens;
    }

    /// <summary>Memory of one worker.</summary>
    private sealed class Scratch(int hidden, int headDim, int valueDim, int maxSlots) : IDisposable
    {
        private readonly NativeBuffer<float> _tile = NativeBuffer<float>.Zeroed(TileRows * PackedMatrix.PanelOutputs);
        private readonly NativeBuffer<float> _row = NativeBuffer<float>.Zeroed(hidden);
        private readonly NativeBuffer<float> _queries = NativeBuffer<float>.Zeroed(QueryGroup * headDim);
        private readonly NativeBuffer<float> _scores = NativeBuffer<float>.Zeroed((long)QueryGroup * (maxSlots + Lanes));
        private readonly NativeBuffer<float> _attended = NativeBuffer<float>.Zeroed(QueryGroup * valueDim);

        /// <summary>[row][32]</summary>
        public float* Tile => _tile.Pointer;

        /// <summary>[hidden]</summary>
        public float* Row => _row.Pointer;

        /// <summary>[query][headDim]</summary>
        public float* Queries => _queries.Pointer;

        /// <summary>[query][slot]</summary>
        public float* Scores => _scores.Pointer;

        /// <summary>[query][valueDim]</summary>
        public float* Attended => _attended.Pointer;

        public void Dispose()
        {
            _tile.Dispose();
            _row.Dispose();
            _queries.Dispose();
            _scores.Dispose();
            _attended.Dispose();
        }
    }
}
