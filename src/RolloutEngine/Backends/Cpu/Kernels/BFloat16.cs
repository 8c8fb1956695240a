namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The upper half of a float: 8 exponent bits, 7 mantissa bits.</summary>
internal static class BFloat16
{
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
