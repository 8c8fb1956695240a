using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Root-mean-square normalisation.</summary>
internal static unsafe class RmsNorm
{
    /// <summary>output[i] = input[i] / rms(input) · gain[i]. <paramref name="output"/> may be <paramref name="input"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* input, float* gain, int count, float epsilon, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        float scale = 1f / MathF.Sqrt(SumOfSquares<TSimd, TVector>(input, count) / count + epsilon);
        TVector scales = TSimd.Broadcast(scale);
        int i = 0;
        for (; i + TSimd.Width <= count; i += TSimd.Width)
            TSimd.Store(TSimd.Multiply(TSimd.Multiply(TSimd.Load(input + i), scales), TSimd.Load(gain + i)), output + i);
        for (; i < count; i++)
            output[i] = input[i] * scale * gain[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SumOfSquares<TSimd, TVector>(float* input, int count)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[Lanes.Count];
        int whole = count - count % Lanes.Count;
        for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
        {
            TVector sum = TSimd.Zero;
            for (int i = lane; i < whole; i += Lanes.Count)
            {
                TVector x = TSimd.Load(input + i);
                sum = TSimd.MultiplyAdd(x, x, sum);
            }

            TSimd.Store(sum, lanes + lane);
        }

        for (int i = whole; i < count; i++)
            lanes[i % Lanes.Count] = MathF.FusedMultiplyAdd(input[i], input[i], lanes[i % Lanes.Count]);
        return Lanes.Sum(lanes);
    }
}
