using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// Draws a token from logits and reports its log-probability in the raw distribution and in the one drawn from. The result is a function
/// of logits, parameters, tokens before, seed and position; it allocates nothing and never sorts the vocabulary: where a filter is in force
/// it looks only into blocks whose maximum says that they matter. One per thread.
/// </summary>
internal sealed unsafe class Sampler : IDisposable
{
    /// <summary>Weights are summed in blocks, each in float lanes, and the blocks in double: exact enough, and quick to walk.</summary>
    private const int SumBlock = 512;

    /// <summary>Logits that share a maximum: few enough that most can be passed over.</summary>
    private const int MaxBlock = 64;

    private readonly KernelSet _kernels;
    private readonly LogitChanges _changes;
    private readonly Candidates _candidates;
    private readonly NativeBuffer<float> _weights;
    private readonly NativeBuffer<float> _maxima; // [block]
    private readonly float[] _blockSums;
    private readonly int _maxBlocks;
    private readonly int _vocabulary;
    private readonly int _padded;

    public Sampler(KernelSet kernels, int vocabulary)
    {
        _kernels = kernels;
        _vocabulary = vocabulary;
        _padded = RoundUp(vocabulary);
        _weights = NativeBuffer<float>.Zeroed(_padded);
        _blockSums = new float[(_padded + SumBlock - 1) / SumBlock];
        _maxBlocks = (_padded + MaxBlock - 1) / MaxBlock;
        _maxima = NativeBuffer<float>.Zeroed(RoundUp(_maxBlocks));
        new Span<float>(_maxima.Pointer, (int)_maxima.Length).Fill(float.NegativeInfinity);
        _candidates = new Candidates(kernels, vocabulary, MaxBlock);
        _changes = new LogitChanges(vocabulary);
    }

    /// <summary>Draws, or scores a forced token.</summary>
    /// <param name="logits">[vocabulary], with room up to a multiple of 16 that is overwritten.</param>
    /// <param name="row">How to draw.</param>
    public SampledToken Sample(float* logits, in OutputRow row)
    {
        for (int i = _vocabulary; i < _padded; i++)
            logits[i] = float.NegativeInfinity;
        float rawMax = _kernels.Max(logits, _padded);
        double rawTotal = Weigh(logits, rawMax, 1f);
        if (!double.IsFinite(rawTotal))
            return new SampledToken(row.Forced ?? 0, float.NaN, float.NaN);

        if (row.Details is { WantsUnfiltered: false } details)
            Report(details, row.Sample, logits, rawMax, scale: 1f, rawTotal);
        (int token, float samplingLogprob) = row.Sampling.ChangesLogits ? DrawChanged(logits, row) : DrawReported(logits, row, rawMax, rawTotal);
        if (row.Details is { WantsKept: true } wanted)
            wanted.SetKept(row.Sample, _candidates.Kept);
        return new SampledToken(token, Logprob(logits[token], rawMax, rawTotal), samplingLogprob);
    }

    public void Dispose()
    {
        _weights.Dispose();
        _maxima.Dispose();
        _candidates.Dispose();
    }

    private static int RoundUp(int count) => (count + Lanes.Count - 1) / Lanes.Count * Lanes.Count;

    private static float Logprob(float logit, float max, double total) => (float)((double)(logit - max) - Math.Log(total));

    private (int Token, float SamplingLogprob) DrawChanged(float* logits, in OutputRow row)
    {
        _changes.Apply(logits, row);
        float max = _kernels.Max(logits, _padded);
        (int Token, float SamplingLogprob) result = float.IsFinite(max)
            ? DrawReported(logits, row, max, Weigh(logits, max, 1f))
            : (row.Forced ?? 0, float.NaN);
        _changes.Undo(logits);
        return result;
    }

    /// <summary>Draws, and reports on the distribution before the filters where the row wants that.</summary>
    private (int Token, float SamplingLogprob) DrawReported(float* logits, in OutputRow row, float max, double total)
    {
        (int token, float samplingLogprob) = Draw(logits, row, max, total);
        if (row.Details is { WantsUnfiltered: true } details)
        {
            float scale = 1f / row.Sampling.Temperature;
            if (!float.IsFinite(scale))
                scale = 1f;
            double unfiltered = scale == 1f ? total : Weigh(logits, max, scale);
            details.SetUnfiltered(row.Sample, ScaledLogprob(logits[token], max, scale, unfiltered));
            Report(details, row.Sample, logits, max, scale, unfiltered);
        }

        return (token, samplingLogprob);
    }

    /// <summary>The likeliest and the watched tokens of a distribution.</summary>
    private void Report(SampleDetails details, int sample, float* logits, float max, float scale, double total)
    {
        if (details.WantsTop)
            TopTokens.Find(logits, _vocabulary, FindMaxima(logits), MaxBlock, max, scale, total, details.TopOf(sample));
        Span<float> watched = details.WatchedOf(sample);
        for (int i = 0; i < watched.Length; i++)
            watched[i] = ScaledLogprob(logits[details.WatchedTokens[i]], max, scale, total);
    }

    /// <summary>Draws from logits whose weights at temperature 1 are at hand.</summary>
    private (int Token, float SamplingLogprob) Draw(float* logits, in OutputRow row, float max, double total)
    {
        SamplingParams sampling = row.Sampling;
        _candidates.Clear();
        float inverseTemperature = 1f / sampling.Temperature;
        if (!float.IsFinite(inverseTemperature))
        {
            int best = new ReadOnlySpan<float>(logits, _vocabulary).IndexOf(max), greedy = row.Forced ?? best;
            return (greedy, greedy == best ? 0f : float.NegativeInfinity);
        }

        bool isFiltered = (sampling.TopK > 0 && sampling.TopK < _vocabulary) || sampling.TopP < 1f || sampling.MinP > 0f;
        if (!isFiltered)
            return DrawFromAll(logits, row, max, inverseTemperature, inverseTemperature == 1f ? total : Weigh(logits, max, inverseTemperature));

        bool needsTotal = sampling.TopP < 1f && (sampling.TopK == 0 || sampling.TopK >= _vocabulary);
        FindMaxima(logits);
        _candidates.Gather(
            new CandidateSource
            {
                Logits = logits,
                Weights = _weights.Pointer,
                Maxima = _maxima.Pointer,
                Max = max,
                Scale = inverseTemperature,
                Total = !needsTotal ? null : inverseTemperature == 1f ? total : Weigh(logits, max, inverseTemperature),
            },
            sampling);
        double mass = _candidates.Mass;
        int token = row.Forced ?? _candidates.Draw(SequenceRandom.Uniform(row.Seed, row.Position) * mass);
        return (token, _candidates.Keeps(token) ? ScaledLogprob(logits[token], max, inverseTemperature, mass) : float.NegativeInfinity);
    }

    private (int Token, float SamplingLogprob) DrawFromAll(float* logits, in OutputRow row, float max, float inverseTemperature, double total)
    {
        int token = row.Forced ?? Walk(SequenceRandom.Uniform(row.Seed, row.Position) * total);
        return (token, ScaledLogprob(logits[token], max, inverseTemperature, total));
    }

    private static float ScaledLogprob(float logit, float max, float inverseTemperature, double total) =>
        (float)((double)((logit - max) * inverseTemperature) - Math.Log(total));

    private ReadOnlySpan<float> FindMaxima(float* logits)
    {
        for (int block = 0; block < _maxBlocks; block++)
            _maxima.Pointer[block] = _kernels.Max(logits + block * MaxBlock, Math.Min(MaxBlock, _padded - block * MaxBlock));
        return new ReadOnlySpan<float>(_maxima.Pointer, _maxBlocks);
    }

    /// <summary>weights[i] = e^((logits[i] - max) · scale); returns their sum.</summary>
    private double Weigh(float* logits, float max, float scale)
    {
        double total = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            int first = block * SumBlock;
            _blockSums[block] = _kernels.Exponentials(logits + first, Math.Min(SumBlock, _padded - first), max, scale, _weights.Pointer + first);
            total += _blockSums[block];
        }

        return total;
    }

    /// <summary>The first token at which the running sum of weights exceeds the target.</summary>
    private int Walk(double target)
    {
        double sum = 0;
        int block = 0;
        while (block < _blockSums.Length - 1 && sum + _blockSums[block] <= target)
            sum += _blockSums[block++];

        // A block's sum and the sum of its weights may round differently; the last token with any weight takes what is left.
        int last = -1;
        while (last < 0)
        {
            for (int id = block * SumBlock; id < Math.Min(_vocabulary, (block + 1) * SumBlock); id++)
            {
                if (_weights.Pointer[id] == 0)
                    continue;
                (sum, last) = (sum + _weights.Pointer[id], id);
                if (sum > target)
                    break;
            }

            block--;
        }

        return last;
    }
}
