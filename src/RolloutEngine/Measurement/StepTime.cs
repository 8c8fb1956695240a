namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>One forward pass, with the work that it could not avoid.</summary>
/// <param name="Tokens">Tokens computed.</param>
/// <param name="Outputs">Tokens sampled.</param>
/// <param name="Elapsed">From the batch to the sampled tokens.</param>
/// <param name="Sampling">Part of it that sampling took.</param>
/// <param name="Between">Since the step before it ended: publishing, scheduling, and waiting for requests where there were none.</param>
/// <param name="Operations">Multiplications and additions of matrices and attention.</param>
/// <param name="Bytes">All weights once, and the keys and values that are read.</param>
public readonly record struct StepTime(int Tokens, int Outputs, TimeSpan Elapsed, TimeSpan Sampling, TimeSpan Between, double Operations, double Bytes);
