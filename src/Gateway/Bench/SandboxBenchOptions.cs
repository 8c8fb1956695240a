using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway.Bench;

/// <summary>What <c>bench sandbox</c> measures.</summary>
/// <param name="Runtime">What makes the sandboxes.</param>
/// <param name="Cells">Python cells of one trajectory, one after the other.</param>
/// <param name="Commands">Runs of <c>docker exec</c> and of <c>docker run</c>.</param>
/// <param name="Trajectories">The most trajectories that run cells at once.</param>
/// <param name="Episodes">Trajectories that are played from their lease to their end.</param>
/// <param name="EpisodeCells">Cells of each.</param>
/// <param name="Concurrency">How many of them at a time.</param>
/// <param name="EpisodesOnly">Measure nothing else.</param>
internal sealed record SandboxBenchOptions(
    SandboxRuntimeOptions Runtime, int Cells, int Commands, int Trajectories, int Episodes, int EpisodeCells, int Concurrency, bool EpisodesOnly);
