namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// Noise without state: a number for each (seed, position), by Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3" (SC 2011), with the seed as key and the position as counter. Resuming, batching or replaying cannot change it.
/// </summary>
internal static class SequenceRandom
{
    private const int Rounds = 10;

    /// <summary>Uniform in [0, 1), with 53 random bits.</summary>
    public static double Uniform(ulong seed, long position)
    {
        (uint first, uint second, _, _) = Philox(((uint)position, (uint)(position >> 32), 0, 0), ((uint)seed, (uint)(seed >> 32)));
        return (((ulong)first << 32 | second) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>One block of the generator.</summary>
    internal static (uint X0, uint X1, uint X2, uint X3) Philox((uint X0, uint X1, uint X2, uint X3) counter, (uint K0, uint K1) key)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = 0xD2511F53UL * counter.X0, product1 = 0xCD9E8D57UL * counter.X2;
            counter = ((uint)(product1 >> 32) ^ counter.X1 ^ key.K0, (uint)product1, (uint)(product0 >> 32) ^ counter.X3 ^ key.K1, (uint)product0);
            key = (key.K0 + 0x9E3779B9, key.K1 + 0xBB67AE85);
        }

        return counter;
    }
}
