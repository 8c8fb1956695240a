namespace AgentRollout.RolloutEngine;

/// <summary>What the embedded engine did so far and does now.</summary>
/// <param name="PagesTotal">Pages of 16 token slots.</param>
/// <param name="PagesInUse">Pages that a sequence holds; zero when idle.</param>
/// <param name="Running">Sequences with pages.</param>
/// <param name="Waiting">Sequences that wait for pages or a place in the batch.</param>
/// <param name="SampledTokens">Tokens sampled since start.</param>
/// <param name="PrefillTokens">Tokens computed that were known beforehand, recomputation after preemption included.</param>
/// <param name="Steps">Forward passes.</param>
/// <param name="Preemptions">How often a sequence lost its pages to an older one.</param>
public sealed record EngineStatistics(
    int PagesTotal, int PagesInUse, int Running, int Waiting, long SampledTokens, long PrefillTokens, long Steps, long Preemptions);
