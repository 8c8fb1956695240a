using AgentRollout.RolloutEngine;

namespace AgentRollout.Environments.Loop;

/// <summary>What the engine reported for one turn, as it reported it: the audit compares the sealed sequence with it.</summary>
/// <param name="sequence">Index of the sequence.</param>
/// <param name="start">Position in the sequence that the first sampled token was sampled for.</param>
internal sealed class SampledRun(int sequence, int start)
{
    public int Sequence { get; } = sequence;

    public int Start { get; } = start;

    public List<int> Tokens { get; } = [];

    public List<float> Logprobs { get; } = [];

    public void Add(TokenChunk chunk)
    {
        Tokens.AddRange(chunk.Tokens.Span);
        Logprobs.AddRange(chunk.Logprobs.Span);
    }
}
