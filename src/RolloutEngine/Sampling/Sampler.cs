using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// Draws a token from logits and reports its log-probability in the raw distribution and in the one drawn from. The result is a function
/// of logits, parameters, seed and position; it allocates nothing and never sorts the vocabulary. One per thread.
/// </summary>
internal sealed unsafe class Sampler : IDisposable
{
    /// <summary>Weights are summed in blocks, each in float lanes, and the blocks in double: exact enough, and quick to walk.</summary>
    private const int BlockLength = 512;

    private readonly KernelSet _kernels;
    private readonly TokenFilter _filter = new();
    private readonly NativeBuffer<float> _weights;
    private readonly double[] _blockSums;
    private readonly int _vocabulary;
    private readonly int _padded;

    public Sampler(KernelSet kernels, int vocabulary)
    {
        _kernels = kernels;
        _vocabulary = vocabulary;
        _padded = (vocabulary + Lanes.Count - 1) / Lanes.Count * Lanes.Count;
        _weights = NativeBuffer<float>.Zeroed(_padded);
        _blockSums = new double[(_padded + BlockLength - 1) / BlockLength];
    }

    /// <summary>Draws, or scores a forced token.</summary>
    /// <param name="logits">[vocabulary], with room up to a multiple of 16 that is overwritten.</param>
    /// <param name="row">How to draw.</param>
    public SampledToken Sample(float* logits, in OutputRow row)
    {
        for (int i = _vocabulary; i < _padded; i++)
            logits[i] = float.NegativeInfinity;
        float max = _kernels.Max(logits, _padded);
        double rawTotal = Weigh(logits, max, 1f);
        if (!double.IsFinite(rawTotal))
            return new SampledToken(row.Forced ?? 0, float.NaN, float.NaN);

        SamplingParams sampling = row.Sampling;
        float inverseTemperature = 1f / sampling.Temperature;
        if (!float.IsFinite(inverseTemperature))
            return Greedy(logits, max, rawTotal, row.Forced);

        double total = inverseTemperature == 1f ? rawTotal : Weigh(logits, max, inverseTemperature);
        Cutoff cutoff = Filter(sampling, total);
        if (cutoff != Cutoff.None)
            total = Mask(cutoff);
        int token = row.Forced ?? Draw(SequenceRandom.Uniform(row.Seed, row.Position) * total);
        float samplingLogprob = cutoff.Keeps(Bits[token], token)
            ? (float)((double)((logits[token] - max) * inverseTemperature) - Math.Log(total))
            : float.NegativeInfinity;
        return new SampledToken(token, Logprob(logits, token, max, rawTotal), samplingLogprob);
    }

    public void Dispose() => _weights.Dispose();

    private ReadOnlySpan<uint> Bits => new(_weights.Pointer, _vocabulary);

    private static float Logprob(float* logits, int token, float max, double total) =>
        (float)((double)(logits[token] - max) - Math.Log(total));

    private SampledToken Greedy(float* logits, float max, double rawTotal, int? forced)
    {
        int best = new ReadOnlySpan<float>(logits, _vocabulary).IndexOf(max);
        int token = forced ?? best;
        return new SampledToken(token, Logprob(logits, token, max, rawTotal), token == best ? 0f : float.NegativeInfinity);
    }

    /// <summary>weights[i] = e^((logits[i] - max) · scale); returns their sum.</summary>
    private double Weigh(float* logits, float max, float scale)
    {
        double total = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            int first = block * BlockLength, count = Math.Min(BlockLength, _padded - first);
            _blockSums[block] = _kernels.Exponentials(logits + first, count, max, scale, _weights.Pointer + first);
            total += _blockSums[block];
        }

        return total;
    }

    private Cutoff Filter(SamplingParams sampling, double total)
    {
        Cutoff cutoff = Cutoff.None;
        if (sampling.TopK > 0 && sampling.TopK < _vocabulary)
            cutoff = _filter.Reach(Bits, cutoff, TokenFilter.Measure.Count, sampling.TopK);
        if (sampling.TopP < 1f)
        {
            double mass = cutoff == Cutoff.None ? total : Mass(cutoff);
            cutoff = _filter.Reach(Bits, cutoff, TokenFilter.Measure.Mass, sampling.TopP * mass);
        }

        // The most likely token has weight 1, so the share of it is the weight itself.
        if (sampling.MinP > 0f)
            cutoff = cutoff.Stricter(new Cutoff(BitConverter.SingleToUInt32Bits(sampling.MinP), int.MaxValue));
        return cutoff;
    }

    private double Mass(Cutoff cutoff)
    {
        double mass = 0;
        for (int id = 0; id < _vocabulary; id++)
            mass += cutoff.Keeps(Bits[id], id) ? _weights.Pointer[id] : 0;
        return mass;
    }

    /// <summary>Sets the weights that the filters drop to 0 and returns the sum of the rest.</summary>
    private double Mask(Cutoff cutoff)
    {
        double total = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            double sum = 0;
            for (int id = block * BlockLength; id < Math.Min(_vocabulary, (block + 1) * BlockLength); id++)
            {
                if (cutoff.Keeps(Bits[id], id))
                    sum += _weights.Pointer[id];
                else
                    _weights.Pointer[id] = 0;
            }

            _blockSums[block] = sum;
            total += sum;
        }

        return total;
    }

    /// <summary>The first token at which the running sum of weights exceeds the target.</summary>
    private int Draw(double target)
    {
        double sum = 0;
        int block = 0;
        while (block < _blockSums.Length - 1 && sum + _blockSums[block] <= target)
            sum += _blockSums[block++];

        // A block's sum and the sum of its weights may round differently; the last token with any weight takes what is left.
        int last = 0;
        for (int id = block * BlockLength; id < Math.Min(_vocabulary, (block + 1) * BlockLength); id++)
        {
            if (_weights.Pointer[id] == 0)
                continue;
            (sum, last) = (sum + _weights.Pointer[id], id);
            if (sum > target)
                break;
        }

        return last;
    }
}
