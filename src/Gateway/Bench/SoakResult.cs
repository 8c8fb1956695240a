using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench;

/// <summary>What a request got; two results are equal if every bit of them is.</summary>
internal sealed class SoakResult
{
    private readonly List<float> _logprobs = [];
    private int _endings;

    public List<int> Tokens { get; } = [];

    public FinishReason? Finish { get; private set; }

    public void Add(TokenChunk chunk)
    {
        Tokens.AddRange(chunk.Tokens.Span);
        _logprobs.AddRange(chunk.Logprobs.Span);
        _endings += chunk.Finish is null ? 0 : 1;
        Finish = chunk.Finish;
    }

    /// <summary>What is wrong with a complete result, as the end of a sentence; null where nothing is.</summary>
    public string? Problem(GenerationRequest request)
    {
        if (_endings != 1 || Finish is null)
            return $"ended {_endings} times";
        if (_logprobs.Count != Tokens.Count || _logprobs.Any(logprob => !(logprob <= 0)))
            return $"got {_logprobs.Count} log-probabilities for {Tokens.Count} tokens, or one that is none";
        bool stopped = Tokens.Count > 0 && request.StopTokenIds.Contains(Tokens[^1]);
        return (Finish == FinishReason.Stop) == stopped && (stopped || Tokens.Count == request.MaxNewTokens)
            ? null
            : $"ended with {Finish} after {Tokens.Count} of {request.MaxNewTokens} tokens";
    }

    public bool IsSameAs(SoakResult other) => Finish == other.Finish && Tokens.SequenceEqual(other.Tokens)
        && _logprobs.Select(BitConverter.SingleToInt32Bits).SequenceEqual(other._logprobs.Select(BitConverter.SingleToInt32Bits));
}
