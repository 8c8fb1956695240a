using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Tests.Engines;

/// <summary>All chunks of a request put together; two are equal if every bit of them is.</summary>
internal sealed record Sampled(IReadOnlyList<int> Tokens, FinishReason Finish, string Everything)
{
    public static Sampled Of(IReadOnlyList<TokenChunk> chunks) => new(
        [.. chunks.SelectMany(chunk => chunk.Tokens.ToArray())],
        chunks[^1].Finish!.Value,
        string.Join('\n', [
            Join(chunks, chunk => chunk.Tokens.ToArray()),
            Join(chunks, chunk => Bits(chunk.Logprobs)),
            Join(chunks, chunk => Bits(chunk.SamplingLogprobs)),
            Join(chunks, chunk => Bits(chunk.UnfilteredLogprobs)),
            Join(chunks, chunk => Bits(chunk.WatchedLogprobs)),
            Join(chunks, chunk => chunk.TopLogprobs?.ToArray().Select(top => (top.Token, BitConverter.SingleToInt32Bits(top.Logprob)))),
            Join(chunks, chunk => chunk.KeptTokens?.Select(kept => $"[{string.Join(' ', kept.ToArray())}]")),
            $"{chunks[^1].Finish}",
        ]));

    public bool Equals(Sampled? other) => other is not null && Everything == other.Everything;

    public override int GetHashCode() => Everything.GetHashCode(StringComparison.Ordinal);

    private static string Join<T>(IReadOnlyList<TokenChunk> chunks, Func<TokenChunk, IEnumerable<T>?> values) =>
        string.Join(',', chunks.Select(chunk => values(chunk)).Where(list => list is not null).SelectMany(list => list!));

    private static IEnumerable<int>? Bits(ReadOnlyMemory<float>? values) => values?.ToArray().Select(BitConverter.SingleToInt32Bits);
}
