using AgentRollout.RolloutEngine;

namespace AgentRollout.Testing;

/// <summary>
/// What a <see cref="ScriptedEngine"/> samples for one request. As with any engine, generation ends at the request's stop tokens or its
/// token budget, so the ids may go on beyond them; a script that ends before either says how, or fails the request.
/// </summary>
public sealed record ScriptedAnswer
{
    public ScriptedAnswer(params IReadOnlyList<int> tokens) => Tokens = tokens;

    /// <summary>The ids, in order.</summary>
    public IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Raw log-probabilities; null gives each token one that depends on its id only (<see cref="LogprobOf"/>).</summary>
    public IReadOnlyList<float>? Logprobs { get; init; }

    /// <summary>Log-probabilities of the distribution sampled from; null repeats the raw ones. Reported only where sampling is not raw.</summary>
    public IReadOnlyList<float>? SamplingLogprobs { get; init; }

    /// <summary>Log-probabilities that are not reported.</summary>
    public MissingLogprobs Missing { get; init; }

    /// <summary>The engine that each chunk says it comes from; null for none.</summary>
    public IReadOnlyList<string>? Engines { get; init; }

    /// <summary>Tokens in each chunk.</summary>
    public int ChunkSize { get; init; } = 1;

    /// <summary>Time before each chunk.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>How the generation ends where neither ends it; null fails the request.</summary>
    public FinishReason? Finish { get; init; }

    /// <summary>Thrown once the tokens are out, in place of a finish reason.</summary>
    public EngineException? Failure { get; init; }

    /// <summary>The log-probability of a token whose script gives none.</summary>
    public static float LogprobOf(int token) => -(1 + token % 16) / 16f;
}
