using System.Runtime.CompilerServices;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The gated activation of the feed-forward block.</summary>
internal static unsafe class SwiGlu
{
    private const int Outputs = PackedMatrix.PanelOutputs / 2;

    /// <summary>output[i, row] = gate[i] / (1 + e^-gate[i]) · up[i] for a block of four rows.</summary>
    /// <param name="tile">[4][32]: a row's 16 gates, then its 16 factors.</param>
    /// <param name="output">[16][4]</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TSimd, TVector>(float* tile, float* output) where TSimd : ISimd<TVector> where TVector : struct
    {
        TVector one = TSimd.Broadcast(1f);
        for (int row = 0; row < RowBlocks.Rows; row++, tile += PackedMatrix.PanelOutputs)
        {
            for (int i = 0; i < Outputs; i += TSimd.Width)
            {
                TVector gate = TSimd.Load(tile + i);
                TVector exponential = Exponential.Of<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, gate));
                TVector silu = TSimd.Divide(gate, TSimd.Add(one, exponential));
                TSimd.Store(TSimd.Multiply(silu, TSimd.Load(tile + Outputs + i)), tile + i);
            }

            for (int i = 0; i < Outputs; i++)
                output[i * RowBlocks.Rows + row] = tile[i];
        }
    }
}
