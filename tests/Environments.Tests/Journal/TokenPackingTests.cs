using AgentRollout.Environments.Journal;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Journal;

public sealed class TokenPackingTests
{
    [Fact]
    public void Any_ids_come_back() => Gen.Int[0, int.MaxValue].Array[0, 50].Sample(ids => Assert.Equal(ids, Ids(ids)));

    [Fact]
    public void Any_floats_come_back_to_the_bit()
    {
        Gen<float> any = Gen.Int.Select(BitConverter.Int32BitsToSingle);
        Gen<float> logprob = Gen.OneOf(Gen.Float[-60, 0], Gen.Const(0f), Gen.Const(-0f), Gen.Const(float.NegativeInfinity));
        Gen.OneOf(logprob.Array[0, 50], any.Array[0, 50], Gen.OneOf(logprob, any).Array[0, 50]).Sample(values =>
            Assert.Equal(values.Select(BitConverter.SingleToInt32Bits), Logprobs(values).Select(BitConverter.SingleToInt32Bits)));
    }

    [Fact]
    public void Sampled_tokens_of_a_large_vocabulary_take_at_most_six_bytes_with_their_log_probability_and_others_at_most_three()
    {
        Random random = new(5);
        int[] ids = [.. Enumerable.Range(0, 1000).Select(_ => random.Next(151_936))];
        // Log-probabilities as models give them: from certainty over one in a million to a very rare token.
        float[] logprobs = [.. ids.Select(_ => random.Next(4) == 0 ? 0f : -(float)Math.Exp(random.NextDouble() * 17 - 14))];

        Assert.InRange(Length(writer => TokenPacking.Write(writer, ids)), 2_000, 3 * ids.Length);
        Assert.InRange(Length(writer => { TokenPacking.Write(writer, ids); TokenPacking.Write(writer, logprobs); }), 4_000, 6 * ids.Length);
    }

    private static long Length(Action<BinaryWriter> write)
    {
        using MemoryStream stream = new();
        write(new BinaryWriter(stream));
        return stream.Length;
    }

    private static int[] Ids(int[] ids) => RoundTrip(writer => TokenPacking.Write(writer, ids), TokenPacking.ReadIds);

    private static float[] Logprobs(float[] values) => RoundTrip(writer => TokenPacking.Write(writer, values), TokenPacking.ReadLogprobs);

    private static T RoundTrip<T>(Action<BinaryWriter> write, Func<BinaryReader, T> read)
    {
        using MemoryStream stream = new();
        write(new BinaryWriter(stream));
        stream.Position = 0;
        T result = read(new BinaryReader(stream));
        Assert.Equal(stream.Length, stream.Position);
        return result;
    }
}
