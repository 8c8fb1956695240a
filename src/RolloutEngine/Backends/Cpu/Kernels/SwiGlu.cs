using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The gated activation of the feed-forward block.</summary>
internal static unsafe class SwiGlu
{
    private const int Outputs = PackedMatrix.PanelOutputs / 2;

    /// <summary>output[row, i] = gate[i] / (1 + e^-gate[i]) · up[i]</summary>
    /// <param name="tile">[rows][32]: a row's 16 gates, then its 16 factors.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="output">[rows][stride]</param>
    /// <param name="stride">Floats from one row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* tile, int rows, float* output, nint stride) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        for (; rows > 0; rows--, tile += PackedMatrix.PanelOutputs, output += stride)
        {
            for (int i = 0; i < Outputs; i += TSimd.Width)
            {
                TVector gate = TSimd.Load(tile + i);
                TVector exponential = Exponential.Of<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, gate));
                TVector silu = TSimd.Divide(gate, TSimd.Add(one, exponential));
                TSimd.Store(TSimd.Multiply(silu, TSimd.Load(tile + Outputs + i)), output + i);
            }
        }
    }
}
