using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// The tokens that filters leave. A first bound, from the maxima of blocks, says which blocks can hold any; their tokens above the bound are
/// gathered in order of id, and the filters then work on these few. One per thread.
/// </summary>
internal sealed unsafe class Candidates : IDisposable
{
    /// <summary>How far below the maximum the bound of top-p begins, in scaled logits, and how it falls until what is above it is enough.</summary>
    private const float FirstDepth = 4;
    private const float DepthFactor = 1.5f;

    private readonly KernelSet _kernels;
    private readonly TokenFilter _filter = new();
    private readonly NativeBuffer<float> _blockWeights; // [block] of the block's maximum
    private readonly int[] _ids;
    private readonly uint[] _bits; // [candidate] of its weight
    private readonly int _vocabulary;
    private readonly int _blockLength;
    private readonly int _blocks;
    private int _count;

    public Candidates(KernelSet kernels, int vocabulary, int blockLength)
    {
        (_kernels, _vocabulary, _blockLength) = (kernels, vocabulary, blockLength);
        _blocks = (vocabulary + blockLength - 1) / blockLength;
        _blockWeights = NativeBuffer<float>.Zeroed((_blocks + Lanes.Count - 1) / Lanes.Count * Lanes.Count);
        _ids = new int[vocabulary];
        _bits = new uint[vocabulary];
    }

    /// <summary>The sum of the weights that are left.</summary>
    public double Mass { get; private set; }

    /// <summary>The tokens that are left, by id.</summary>
    public ReadOnlySpan<int> Kept => _ids.AsSpan(0, _count);

    public void Clear() => _count = 0;

    /// <summary>Gathers what the filters of the parameters leave, at least one token.</summary>
    public void Gather(in CandidateSource source, SamplingParams sampling)
    {
        _kernels.Exponentials(source.Maxima, (int)_blockWeights.Length, source.Max, source.Scale, _blockWeights.Pointer);
        bool isTopK = sampling.TopK > 0 && sampling.TopK < _vocabulary;
        if (isTopK)
            GatherAbove(source, BoundOfTopK(sampling.TopK));
        else if (source.Total is { } total)
            GatherMass(source, sampling.TopP * total);
        else
            GatherAbove(source, BitConverter.SingleToUInt32Bits(sampling.MinP));

        Cutoff cutoff = isTopK ? _filter.Reach(Bits, Cutoff.None, TokenFilter.Measure.Count, sampling.TopK) : Cutoff.None;
        if (sampling.TopP < 1f)
            cutoff = _filter.Reach(Bits, cutoff, TokenFilter.Measure.Mass, sampling.TopP * (isTopK ? MassOf(cutoff) : source.Total!.Value));

        // The most likely token has weight 1, so the share of it is the weight itself.
        if (sampling.MinP > 0f)
            cutoff = cutoff.Stricter(new Cutoff(BitConverter.SingleToUInt32Bits(sampling.MinP), int.MaxValue));
        Keep(cutoff);
    }

    public bool Keeps(int token) => Kept.BinarySearch(token) >= 0;

    /// <summary>The first token at which the running sum of weights exceeds the target.</summary>
    public int Draw(double target)
    {
        double sum = 0;
        for (int i = 0; i < _count - 1; i++)
        {
            sum += BitConverter.UInt32BitsToSingle(_bits[i]);
            if (sum > target)
                return _ids[i];
        }

        return _ids[_count - 1];
    }

    public void Dispose() => _blockWeights.Dispose();

    private ReadOnlySpan<uint> Bits => _bits.AsSpan(0, _count);

    /// <summary>The k-th largest maximum of a block: at least k tokens are not below it.</summary>
    private uint BoundOfTopK(int k) =>
        k > _blocks ? 0 : _filter.Reach(new ReadOnlySpan<uint>(_blockWeights.Pointer, _blocks), Cutoff.None, TokenFilter.Measure.Count, k).WeightBits;

    /// <summary>Lowers the bound until the tokens above it have the mass, or all are gathered.</summary>
    private void GatherMass(in CandidateSource source, double mass)
    {
        for (float depth = FirstDepth; ; depth *= DepthFactor)
        {
            uint bound = BitConverter.SingleToUInt32Bits(MathF.Exp(-depth));
            GatherAbove(source, bound);
            if (bound == 0 || MassOf(Cutoff.None) >= mass)
                return;
        }
    }

    /// <summary>Gathers the tokens whose weight is not below the bound; a weight of zero is none.</summary>
    private void GatherAbove(in CandidateSource source, uint bound)
    {
        _count = 0;
        bound = Math.Max(bound, 1);
        for (int block = 0; block < _blocks; block++)
        {
            if (BitConverter.SingleToUInt32Bits(_blockWeights.Pointer[block]) < bound)
                continue;
            int first = block * _blockLength, count = Math.Min(_blockLength, _vocabulary - first);
            if (source.Total is null)
                _kernels.Exponentials(source.Logits + first, (count + Lanes.Count - 1) / Lanes.Count * Lanes.Count, source.Max, source.Scale, source.Weights + first);
            // Without a branch, which would be mispredicted often; what is written beyond the count is overwritten.
            for (int id = first; id < first + count; id++)
            {
                uint bits = BitConverter.SingleToUInt32Bits(source.Weights[id]);
                (_ids[_count], _bits[_count]) = (id, bits);
                _count += bits >= bound ? 1 : 0;
            }
        }
    }

    private double MassOf(Cutoff cutoff)
    {
        double mass = 0;
        for (int i = 0; i < _count; i++)
            mass += cutoff.Keeps(_bits[i], i) ? BitConverter.UInt32BitsToSingle(_bits[i]) : 0;
        return mass;
    }

    private void Keep(Cutoff cutoff)
    {
        (int kept, double mass) = (0, 0);
        for (int i = 0; i < _count; i++)
        {
            if (!cutoff.Keeps(_bits[i], i))
                continue;
            (_ids[kept], _bits[kept]) = (_ids[i], _bits[i]);
            mass += BitConverter.UInt32BitsToSingle(_bits[kept++]);
        }

        (_count, Mass) = (kept, mass);
    }
}
