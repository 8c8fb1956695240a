namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>
/// Writes the few x86-64 instructions that <see cref="VnniCode"/> and <see cref="BFloat16Code"/> need: EVEX with 512-bit registers 0 to 31, memory as
/// <see cref="Address"/> has it. Encodings: Intel's Software Developer's Manual, volume 2.
/// </summary>
internal sealed class Assembler
{
    public const int Rax = 0;
    public const int Rcx = 1;
    public const int Rdx = 2;
    public const int Rsi = 6;
    public const int Rdi = 7;
    public const int R8 = 8;
    public const int R9 = 9;

    private const int Map0F = 1;
    private const int Map0F38 = 2;
    private const int NoPrefix = 0;
    private const int Prefix66 = 1;
    private const int PrefixF3 = 2;

    private readonly List<byte> _code = [];

    public int Position => _code.Count;

    /// <summary>vpxord</summary>
    public void Zero(int target) => Registers(Map0F, Prefix66, 0xEF, target, target, target);

    /// <summary>vmovdqa32</summary>
    public void Move(int target, int source) => Registers(Map0F, Prefix66, 0x6F, target, 0, source);

    /// <summary>vmovups</summary>
    public void Load(int target, Address address) => Memory(Map0F, NoPrefix, 0x10, target, address);

    /// <summary>vmovups</summary>
    public void Store(int source, Address address) => Memory(Map0F, NoPrefix, 0x11, source, address);

    /// <summary>vpbroadcastd</summary>
    public void BroadcastInteger(int target, Address address) => Memory(Map0F38, Prefix66, 0x58, target, address);

    /// <summary>vbroadcastss</summary>
    public void BroadcastFloat(int target, Address address) => Memory(Map0F38, Prefix66, 0x18, target, address);

    /// <summary>vpdpbusd: adds to each integer four products of unsigned bytes and signed bytes.</summary>
    public void DotBytes(int sum, int unsigned, int signed) => Registers(Map0F38, Prefix66, 0x50, sum, unsigned, signed);

    /// <summary>vdpbf16ps: adds to each float the product of two bfloat16 numbers, the upper ones, then that of the lower ones.</summary>
    public void DotBFloat16(int sum, int left, int right) => Registers(Map0F38, PrefixF3, 0x52, sum, left, right);

    /// <summary>vmulps</summary>
    public void Multiply(int target, int left, int right) => Registers(Map0F, NoPrefix, 0x59, target, left, right);

    /// <summary>vcvtdq2ps</summary>
    public void ToFloat(int target, int source) => Registers(Map0F, NoPrefix, 0x5B, target, 0, source);

    /// <summary>vfmadd231ps</summary>
    public void MultiplyAdd(int sum, int left, int right) => Registers(Map0F38, Prefix66, 0xB8, sum, left, right);

    /// <summary>prefetcht1, of an address without an index.</summary>
    public void Prefetch(Address address)
    {
        if (address.Base >= 8)
            _code.Add(0x41);
        _code.AddRange([0x0F, 0x18]);
        Place(2, address);
    }

    /// <summary>mov, from where the caller leaves what does not fit the registers.</summary>
    public void LoadSeventhArgument(int register)
    {
        _code.AddRange([(byte)(0x48 | (register >> 3 << 2)), 0x8B, (byte)(0x84 | ((register & 7) << 3)), 0x24]);
        Immediate(8);
    }

    /// <summary>add; sets the zero flag.</summary>
    public void AddTo(int register, int value)
    {
        _code.AddRange([(byte)(0x48 | (register >> 3)), 0x81, (byte)(0xC0 | (register & 7))]);
        Immediate(value);
    }

    /// <summary>jnz</summary>
    public void JumpIfNotZero(int target)
    {
        const int length = 6;
        int distance = target - (Position + length);
        _code.AddRange([0x0F, 0x85]);
        Immediate(distance);
    }

    /// <summary>vzeroupper, ret</summary>
    public void Return() => _code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);

    public byte[] ToArray() => [.. _code];

    private void Registers(int map, int prefix, byte opcode, int target, int left, int right)
    {
        Evex(map, prefix, target, left, (right >> 3) & 1, right >> 4);
        _code.AddRange([opcode, (byte)(0xC0 | ((target & 7) << 3) | (right & 7))]);
    }

    private void Memory(int map, int prefix, byte opcode, int register, Address address)
    {
        Evex(map, prefix, register, 0, address.Base >> 3, address.Index >> 3);
        _code.Add(opcode);
        Place(register, address);
    }

    /// <summary>The bytes that name a register and a place in memory.</summary>
    private void Place(int register, Address address)
    {
        int middle = (register & 7) << 3;
        if (address.Times == 0)
            _code.Add((byte)(0x80 | middle | (address.Base & 7)));
        else
            _code.AddRange([(byte)(0x84 | middle), (byte)((address.Times - 1) << 6 | ((address.Index & 7) << 3) | (address.Base & 7))]);
        Immediate(address.Displacement);
    }

    /// <summary>The four bytes of the prefix; register bits are stored inverted.</summary>
    private void Evex(int map, int prefix, int register, int second, int b, int x)
    {
        int first = (~((register >> 3) << 7) & 0x80) | (~(x << 6) & 0x40) | (~(b << 5) & 0x20) | (~(register >> 4 << 4) & 0x10) | map;
        int middle = ((~second & 15) << 3) | 4 | prefix;
        int last = 0x40 | (~(second >> 4 << 3) & 8);
        _code.AddRange([0x62, (byte)first, (byte)middle, (byte)last]);
    }

    private void Immediate(int value)
    {
        for (int shift = 0; shift < 32; shift += 8)
            _code.Add((byte)(value >> shift));
    }

    /// <summary>Base + Times · Index + Displacement, the first two being registers.</summary>
    /// <param name="Base">Not rsp or r12.</param>
    /// <param name="Displacement">In bytes.</param>
    /// <param name="Index">Not rsp.</param>
    /// <param name="Times">0, 1 or 2.</param>
    public readonly record struct Address(int Base, int Displacement, int Index = 0, int Times = 0);
}
