namespace AgentRollout.RolloutEngine.Backends;

/// <summary>A row of the batch whose next token is wanted.</summary>
/// <param name="Row">Index of the token in the batch.</param>
/// <param name="Sampling">How to draw.</param>
/// <param name="Seed">Of the sequence.</param>
/// <param name="Position">Of the token to draw: seed and position give the noise.</param>
/// <param name="Forced">Take this token instead of drawing one: its log-probabilities are wanted.</param>
/// <param name="History">Present where the parameters change logits.</param>
/// <param name="Details">Where to put what else is wanted.</param>
/// <param name="Sample">The entry of <paramref name="Details"/> that is the row's own.</param>
internal readonly record struct OutputRow(
    int Row, SamplingParams Sampling, ulong Seed, int Position, int? Forced, TokenHistory? History = null, SampleDetails? Details = null, int Sample = 0);
