namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>The upper half of a float: 8 exponent bits, 7 mantissa bits.</summary>
internal static class BFloat16
{
    private const uint QuietBit = 0x40;

    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The nearest, ties to even; not-a-number stays one.</summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | QuietBit) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
