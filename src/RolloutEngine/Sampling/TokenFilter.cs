namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// Finds cutoffs by radix selection over the bits of the weights: a few passes over the vocabulary, no sort, and the same answer whatever
/// the hardware, because sums are taken in the order of ids. One per thread.
/// </summary>
internal sealed class TokenFilter
{
    private const int DigitBits = 10;
    private const int Digits = 3;
    private const uint DigitMask = (1 << DigitBits) - 1;

    private readonly double[] _bins = new double[1 << DigitBits];

    /// <summary>What a filter adds up until its target is reached.</summary>
    public enum Measure
    {
        /// <summary>Tokens, for top-k.</summary>
        Count,

        /// <summary>Weight, for top-p.</summary>
        Mass,
    }

    /// <summary>The cutoff of the fewest most likely tokens, among those that <paramref name="within"/> keeps, that reach the target.</summary>
    /// <param name="weightBits">[token] bits of weights in [0, 1].</param>
    public Cutoff Reach(ReadOnlySpan<uint> weightBits, Cutoff within, Measure measure, double target)
    {
        uint prefix = 0;
        for (int shift = (Digits - 1) * DigitBits; shift >= 0; shift -= DigitBits)
        {
            Fill(weightBits, within, measure, prefix, shift);
            int bin = _bins.Length - 1;
            while (bin > 0 && _bins[bin] < target)
                target -= _bins[bin--];
            prefix = (prefix << DigitBits) | (uint)bin;
        }

        // All that is left has the same weight; the lower ids come first.
        int last = int.MaxValue;
        for (int id = 0; id < weightBits.Length && target > 0; id++)
        {
            if (weightBits[id] != prefix || !within.Keeps(prefix, id))
                continue;
            target -= Size(measure, prefix);
            last = id;
        }

        return new Cutoff(prefix, last);
    }

    private void Fill(ReadOnlySpan<uint> weightBits, Cutoff within, Measure measure, uint prefix, int shift)
    {
        Array.Clear(_bins);
        for (int id = 0; id < weightBits.Length; id++)
        {
            uint bits = weightBits[id];
            if (bits >> shift >> DigitBits == prefix && within.Keeps(bits, id))
                _bins[(bits >> shift) & DigitMask] += Size(measure, bits);
        }
    }

    private static double Size(Measure measure, uint bits) => measure == Measure.Count ? 1 : BitConverter.UInt32BitsToSingle(bits);
}
