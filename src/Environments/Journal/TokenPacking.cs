using System.Numerics;

namespace AgentRollout.Environments.Journal;

/// <summary>
/// Token arrays in few bytes, without loss. Every value takes as many bits as the widest of its array needs (frame of reference, Goldstein,
/// Ramakrishnan, Shaft, "Compressing relations and indexes", ICDE 1998): ids of a vocabulary of 150,000 take at most 18 bits. Log-probabilities are
/// not positive, so their sign is left out, and the bit patterns of floats grow with their magnitude, so that a common range takes 28 bits or fewer.
/// </summary>
internal static class TokenPacking
{
    // How floats are written.
    private const byte Raw = 0;
    private const byte Negative = 1;

    public static void Write(BinaryWriter writer, ReadOnlySpan<int> ids)
    {
        uint all = 0;
        foreach (int id in ids)
            all |= (uint)id;
        writer.Write7BitEncodedInt(ids.Length);
        BitWriter bits = new(writer, WidthOf(all));
        foreach (int id in ids)
            bits.Write((uint)id);
        bits.Flush();
    }

    public static int[] ReadIds(BinaryReader reader)
    {
        int count = reader.Read7BitEncodedInt();
        BitReader bits = new(reader, count);
        int[] ids = new int[count];
        for (int i = 0; i < ids.Length; i++)
            ids[i] = (int)bits.Read();
        return ids;
    }

    public static void Write(BinaryWriter writer, ReadOnlySpan<float> logprobs)
    {
        (uint lowest, uint highest) = (uint.MaxValue, 0);
        bool isRaw = false;
        foreach (float logprob in logprobs)
        {
            isRaw |= logprob is not <= 0;
            if (logprob == 0)
                continue;
            lowest = Math.Min(lowest, Magnitude(logprob));
            highest = Math.Max(highest, Magnitude(logprob));
        }

        writer.Write(isRaw ? Raw : Negative);
        writer.Write7BitEncodedInt(logprobs.Length);
        if (!isRaw)
            writer.Write(lowest);
        BitWriter bits = new(writer, isRaw ? 32 : WidthOf(highest < lowest ? 1 : highest - lowest + 2));
        foreach (float logprob in logprobs)
            bits.Write(isRaw ? BitConverter.SingleToUInt32Bits(logprob) : Code(logprob, lowest));
        bits.Flush();
    }

    public static float[] ReadLogprobs(BinaryReader reader)
    {
        bool isRaw = reader.ReadByte() == Raw;
        int count = reader.Read7BitEncodedInt();
        uint lowest = isRaw ? 0 : reader.ReadUInt32();
        BitReader bits = new(reader, count);
        float[] logprobs = new float[count];
        for (int i = 0; i < logprobs.Length; i++)
            logprobs[i] = BitConverter.UInt32BitsToSingle(isRaw ? bits.Read() : BitsOf(bits.Read(), lowest));
        return logprobs;
    }

    private static int WidthOf(uint largest) => Math.Max(1, 32 - BitOperations.LeadingZeroCount(largest));

    private static uint Magnitude(float value) => BitConverter.SingleToUInt32Bits(value) & int.MaxValue;

    /// <summary>Certainty is frequent and far from everything else, so both zeros have codes of their own.</summary>
    private static uint Code(float logprob, uint lowest) =>
        logprob == 0 ? (float.IsNegative(logprob) ? 1u : 0) : Magnitude(logprob) - lowest + 2;

    private static uint BitsOf(uint code, uint lowest) => code switch
    {
        0 => 0,
        1 => 1u << 31,
        _ => (code - 2 + lowest) | 1u << 31,
    };

    private ref struct BitWriter
    {
        private readonly BinaryWriter _writer;
        private readonly int _width;
        private ulong _pending;
        private int _count;

        public BitWriter(BinaryWriter writer, int width)
        {
            _writer = writer;
            _width = width;
            writer.Write((byte)width);
        }

        public void Write(uint value)
        {
            _pending |= (ulong)value << _count;
            for (_count += _width; _count >= 8; _count -= 8, _pending >>= 8)
                _writer.Write((byte)_pending);
        }

        public readonly void Flush()
        {
            if (_count > 0)
                _writer.Write((byte)_pending);
        }
    }

    private ref struct BitReader
    {
        private readonly BinaryReader _reader;
        private readonly int _width;
        private ulong _pending;
        private int _count;

        /// <exception cref="InvalidDataException">There are fewer bytes than so many values take.</exception>
        public BitReader(BinaryReader reader, int count)
        {
            _reader = reader;
            _width = reader.ReadByte();
            long rest = reader.BaseStream.Length - reader.BaseStream.Position;
            if (_width is < 1 or > 32 || count < 0 || (long)count * _width > 8 * rest)
                throw new InvalidDataException($"{count} values of {_width} bits cannot follow in {rest} bytes.");
        }

        public uint Read()
        {
            for (; _count < _width; _count += 8)
                _pending |= (ulong)_reader.ReadByte() << _count;
            uint value = (uint)(_pending & ((1UL << _width) - 1));
            _pending >>= _width;
            _count -= _width;
            return value;
        }
    }
}
