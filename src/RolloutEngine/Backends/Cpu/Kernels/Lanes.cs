namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Sums are kept in 16 lanes, element i in lane i mod 16, and folded in halves, whatever the vector width. The order is part of the result.
/// </summary>
internal static unsafe class Lanes
{
    public const int Count = 16;

    /// <summary>Folds 8 onto 8, 4 onto 4, 2 onto 2, 1 onto 1. Overwrites the lanes.</summary>
    public static float Sum(float* lanes)
    {
        for (int half = Count / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                lanes[i] += lanes[i + half];
        }

        return lanes[0];
    }

    /// <summary>The largest lane.</summary>
    public static float Max(float* lanes)
    {
        float max = lanes[0];
        for (int i = 1; i < Count; i++)
            max = lanes[i] > max ? lanes[i] : max;
        return max;
    }
}
