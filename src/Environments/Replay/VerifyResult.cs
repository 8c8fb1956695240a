namespace AgentRollout.Environments.Replay;

/// <summary>What came of generating a trajectory's turns again.</summary>
public sealed record VerifyResult
{
    public required string TrajectoryId { get; init; }

    public required VerifyOutcome Outcome { get; init; }

    /// <summary>The outcome as one sentence, for people.</summary>
    public required string Detail { get; init; }

    /// <summary>Tokens that the trajectory has from the model, those without loss mask included.</summary>
    public required int SampledTokens { get; init; }

    /// <summary>Weights that the engine has now.</summary>
    public required long WeightVersion { get; init; }

    /// <summary>Where the engine first does otherwise; null where it was not asked to generate, or never does.</summary>
    public TokenDifference? FirstDifference { get; init; }

    /// <summary>By the weights that sampled them, how far the recorded log-probabilities are from those of the engine; null where all are equal.</summary>
    public IReadOnlyList<LogprobDifference>? LogprobDifferences { get; init; }

    public required double Milliseconds { get; init; }
}

/// <summary>How a trajectory fared that was verified.</summary>
public enum VerifyOutcome
{
    /// <summary>The engine samples the same tokens with the same log-probabilities, to the bit, and the rest of the record holds.</summary>
    BitExact,

    /// <summary>The engine has the weights of the trajectory, by name and version, and does otherwise.</summary>
    Differs,

    /// <summary>The engine does the same, but the record contradicts itself: a message, a result, the digest.</summary>
    RecordChanged,

    /// <summary>The engine has other weights, so that log-probabilities are compared and tokens are not.</summary>
    OtherWeights,

    /// <summary>The engine is not the embedded one and promises no equal bits, so that log-probabilities are compared and tokens are not.</summary>
    OtherEngine,

    /// <summary>The model has another tokenizer, so that nothing can be compared.</summary>
    OtherTokenizer,

    /// <summary>The engine refuses the tokens.</summary>
    Refused,
}

/// <summary>The first token that the engine samples otherwise.</summary>
/// <param name="Sequence">Index of the sequence.</param>
/// <param name="Position">Of the token in the sequence.</param>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="Kind">What is different.</param>
/// <param name="Recorded">The trajectory's token.</param>
/// <param name="Replayed">The engine's token; null where it ended the turn before.</param>
public sealed record TokenDifference(
    int Sequence, int Position, int Turn, DifferenceKind Kind, ComparedToken Recorded, ComparedToken? Replayed);

/// <summary>What of a token is different.</summary>
public enum DifferenceKind
{
    /// <summary>The id.</summary>
    Token,

    /// <summary>The log-probability in the raw distribution.</summary>
    Logprob,

    /// <summary>The log-probability in the distribution sampled from.</summary>
    SamplingLogprob,

    /// <summary>The turn has ended before it.</summary>
    End,
}

/// <summary>A token of a difference.</summary>
/// <param name="TokenId">The id.</param>
/// <param name="Text">Its text, control characters escaped.</param>
/// <param name="Logprob">As recorded, or as sampled again; null where none is recorded.</param>
/// <param name="SamplingLogprob">The same in the distribution sampled from; null where that is the raw one.</param>
/// <param name="EngineLogprob">What the engine gives this token at this place now.</param>
/// <param name="Rank">Its place among the engine's likeliest tokens, from 1; null behind the 20th.</param>
public sealed record ComparedToken(int TokenId, string Text, float? Logprob, float? SamplingLogprob, float EngineLogprob, int? Rank);

/// <summary>How far the log-probabilities of one weight version are from the engine's.</summary>
/// <param name="WeightVersion">The weights that sampled the tokens.</param>
/// <param name="Tokens">Tokens with a recorded log-probability.</param>
/// <param name="EqualTokens">Those where it is the engine's, to the bit.</param>
/// <param name="MeanAbsolute">Mean absolute difference.</param>
/// <param name="MaxAbsolute">Largest absolute difference.</param>
/// <param name="MaxSequence">The sequence that has it.</param>
/// <param name="MaxPosition">The position there.</param>
public sealed record LogprobDifference(
    long WeightVersion, int Tokens, int EqualTokens, double MeanAbsolute, double MaxAbsolute, int MaxSequence, int MaxPosition);
