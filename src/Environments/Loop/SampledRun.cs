using AgentRollout.Environments.Journal;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Masking;

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

    /// <summary>What the engine did not report.</summary>
    public MissingLogprobs Missing { get; private set; }

    private bool HasSamplingLogprobs { get; set; }

    public void Add(TokenChunk chunk)
    {
        Missing |= chunk.Missing;
        HasSamplingLogprobs |= chunk is { Tokens.IsEmpty: false, SamplingLogprobs: not null };
        Tokens.AddRange(chunk.Tokens.Span);
        Logprobs.AddRange(chunk.Logprobs.Span);
    }

    /// <summary>A finish reason as segments spell it; null where the turn was cut, by whomever.</summary>
    public static string? NameOf(FinishReason? finish) => finish == FinishReason.Deadline ? null : finish?.ToString().ToLowerInvariant();

    /// <summary>The same as an event of the journal.</summary>
    /// <param name="turn">The assistant turn.</param>
    /// <param name="sequence">Ends with the tokens of this run.</param>
    /// <param name="last">The engine's last chunk; null where none came.</param>
    public TurnSampled ToEvent(int turn, TokenSequence sequence, TokenChunk? last)
    {
        return new TurnSampled(
            turn,
            [.. sequence.Segments.Where(segment => segment.Start >= Start).Select(segment => new WeightRun(segment.End - segment.Start, segment.WeightVersion!.Value))],
            Tokens.ToArray(),
            Logprobs.ToArray(),
            HasSamplingLogprobs ? sequence.SamplingLogprobs[Start..].ToArray() : default(ReadOnlyMemory<float>?),
            last?.Finish,
            last?.Timings);
    }
}
