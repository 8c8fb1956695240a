using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Trajectories;

/// <summary>
/// SHA-256 over the canonical bytes of what training reads: ids, masks, log-probabilities, segments and rewards. Integers and the bits
/// of floats are little-endian; every list and every text is preceded by its length, an absent value is told apart from every
/// present one, so that no two different trajectories share their bytes.
/// </summary>
public static class TrajectoryDigest
{
    /// <summary><c>sha256:</c> and 64 lower-case hexadecimal digits.</summary>
    public static string Compute(
        IReadOnlyList<TrajectorySequence> sequences,
        double? reward,
        IReadOnlyDictionary<string, double> rewardComponents)
    {
        using Writer writer = new();
        writer.Write("agentrollout.digest/1");
        writer.Write(sequences.Count);
        foreach (TrajectorySequence sequence in sequences)
            Write(writer, sequence);

        writer.Write(reward);
        writer.Write(rewardComponents.Count);
        foreach ((string component, double value) in rewardComponents.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            writer.Write(component);
            writer.Write(value);
        }

        return writer.Finish();
    }

    private static void Write(Writer writer, TrajectorySequence sequence)
    {
        writer.Write(sequence.TokenIds);
        writer.Write(sequence.LossMask);
        writer.Write(sequence.Logprobs);
        writer.Write(sequence.SamplingLogprobs is null ? 0 : 1);
        if (sequence.SamplingLogprobs is { } samplingLogprobs)
            writer.Write(samplingLogprobs);

        writer.Write(sequence.StartedBecause);
        writer.Write(sequence.Segments.Count);
        foreach (TokenSegment segment in sequence.Segments)
        {
            writer.Write([segment.Start, segment.End, (int)segment.Source, segment.Turn]);
            writer.Write(segment.WeightVersion is { } version ? 1 : 0);
            writer.Write(segment.WeightVersion ?? 0);
            writer.Write(segment.FinishReason);
            writer.Write(segment.CallIds?.Count ?? 0);
            foreach (string callId in segment.CallIds ?? [])
                writer.Write(callId);
        }
    }

    private sealed class Writer : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public void Write(long value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            _hash.AppendData(bytes);
        }

        public void Write(double value) => Write(BitConverter.DoubleToInt64Bits(value));

        public void Write(double? value)
        {
            Write(value is null ? 0 : 1);
            if (value is { } present)
                Write(present);
        }

        public void Write(string? text)
        {
            if (text is null)
            {
                Write(-1);
                return;
            }

            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            Write(utf8.Length);
            _hash.AppendData(utf8);
        }

        public void Write(int[] values)
        {
            Write(values.Length);
            if (BitConverter.IsLittleEndian)
            {
                _hash.AppendData(MemoryMarshal.AsBytes<int>(values));
                return;
            }

            foreach (int value in values)
                _hash.AppendData(BitConverter.GetBytes(BinaryPrimitives.ReverseEndianness(value)));
        }

        // NaN never stands in a trajectory, so its bits can mean null.
        public void Write(float?[] values) =>
            Write(Array.ConvertAll(values, value => BitConverter.SingleToInt32Bits(value ?? float.NaN)));

        public string Finish() => "sha256:" + Convert.ToHexStringLower(_hash.GetHashAndReset());

        public void Dispose() => _hash.Dispose();
    }
}
