namespace AgentRollout.Tools.Contracts;

/// <summary>Told to every caller again and again; a worker that has not said it for a while is gone.</summary>
/// <param name="Worker">The worker's name.</param>
/// <param name="Groups">The tool groups whose calls it takes; none where it is about to leave.</param>
public sealed record WorkerAlive(string Worker, IReadOnlyList<string> Groups);
