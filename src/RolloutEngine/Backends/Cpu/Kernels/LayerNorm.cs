using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Normalisation to mean 0 and variance 1, as encoders of BERT's kind use it.</summary>
internal static unsafe class LayerNorm
{
    /// <summary>output[i] = (input[i] - mean) / sqrt(variance + epsilon) · gain[i] + bias[i]. <paramref name="output"/> may be <paramref name="input"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* input, float* gain, float* bias, int count, float epsilon, float* output)
        where TSimd : ISimd<TVector> where TVector : struct
    {
        float mean = Sum<TSimd, TVector>(input, count) / count;
        float scale = 1f / MathF.Sqrt(SumOfSquares<TSimd, TVector>(input, count, mean) / count + epsilon);
        TVector means = TSimd.Broadcast(mean), scales = TSimd.Broadcast(scale);
        int i = 0;
        for (; i + TSimd.Width <= count; i += TSimd.Width)
        {
            TVector normed = TSimd.Multiply(TSimd.Subtract(TSimd.Load(input + i), means), scales);
            TSimd.Store(TSimd.MultiplyAdd(normed, TSimd.Load(gain + i), TSimd.Load(bias + i)), output + i);
        }

        for (; i < count; i++)
            output[i] = MathF.FusedMultiplyAdd((input[i] - mean) * scale, gain[i], bias[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum<TSimd, TVector>(float* input, int count) where TSimd : ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[Lanes.Count];
        int whole = count - count % Lanes.Count;
        for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
        {
            TVector sum = TSimd.Zero;
            for (int i = lane; i < whole; i += Lanes.Count)
                sum = TSimd.Add(sum, TSimd.Load(input + i));
            TSimd.Store(sum, lanes + lane);
        }

        for (int i = whole; i < count; i++)
            lanes[i % Lanes.Count] += input[i];
        return Lanes.Sum(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SumOfSquares<TSimd, TVector>(float* input, int count, float mean) where TSimd : ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[Lanes.Count];
        TVector means = TSimd.Broadcast(mean);
        int whole = count - count % Lanes.Count;
        for (int lane = 0; lane < Lanes.Count; lane += TSimd.Width)
        {
            TVector sum = TSimd.Zero;
            for (int i = lane; i < whole; i += Lanes.Count)
            {
                TVector difference = TSimd.Subtract(TSimd.Load(input + i), means);
                sum = TSimd.MultiplyAdd(difference, difference, sum);
            }

            TSimd.Store(sum, lanes + lane);
        }

        for (int i = whole; i < count; i++)
            lanes[i % Lanes.Count] = MathF.FusedMultiplyAdd(input[i] - mean, input[i] - mean, lanes[i % Lanes.Count]);
        return Lanes.Sum(lanes);
    }
}
