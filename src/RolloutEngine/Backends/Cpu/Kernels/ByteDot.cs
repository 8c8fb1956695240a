using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Adds to each integer the four products of unsigned and signed bytes in its place, exactly.</summary>
internal interface IByteDot
{
    static abstract Vector256<int> Add(Vector256<int> sum, Vector256<byte> unsigned, Vector256<sbyte> signed);
}

/// <summary>One instruction: <c>vpdpbusd</c> of processors with AVX-VNNI.</summary>
internal readonly struct AvxVnniDot : IByteDot
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> unsigned, Vector256<sbyte> signed) =>
        AvxVnni.MultiplyWideningAndAdd(sum, unsigned, signed);
}

/// <summary>The bytes of even and of odd places as 16-bit numbers, whose products are added in pairs without a limit being reached.</summary>
internal readonly struct Avx2Dot : IByteDot
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> unsigned, Vector256<sbyte> signed)
    {
        Vector256<int> even = Avx2.MultiplyAddAdjacent(unsigned.AsInt16() & Vector256.Create((short)0xFF), signed.AsInt16() << 8 >> 8);
        Vector256<int> odd = Avx2.MultiplyAddAdjacent((unsigned.AsUInt16() >> 8).AsInt16(), signed.AsInt16() >> 8);
        return sum + even + odd;
    }
}
