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
        for (float* row = tile; row < tile + RowBlocks.Rows * PackedMatrix.PanelOutputs; row += PackedMatrix.PanelOutputs)
        {
            for (int i = 0; i < Outputs; i += TSimd.Width)
            {
                TVector gate = TSimd.Load(row + i);
                TVector exponential = Exponential.Of<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, gate));
                TVector silu = TSimd.Divide(gate, TSimd.Add(one, exponential));
                TSimd.Store(TSimd.Multiply(silu, TSimd.Load(row + Outputs + i)), row + i);
            }
        }

        RowTransposer.Interleave(tile, PackedMatrix.PanelOutputs, Outputs, output);
    }
}
