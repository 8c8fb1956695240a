namespace AgentRollout.Tools.Sandbox;

/// <summary>Makes sandboxes on this machine. Safe to call concurrently.</summary>
public interface ISandboxRuntime
{
    /// <summary><c>docker</c> or <c>bubblewrap</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Starts one sandbox whose first process is the agent program (<see cref="SandboxAgent"/>). A start that is cancelled or fails leaves
    /// nothing behind.
    /// </summary>
    /// <param name="options">Its limits; checked by the caller.</param>
    /// <param name="label">What it is for, shown to whoever lists the machine's sandboxes; null where that is not known yet.</param>
    /// <exception cref="SandboxException">It could not be started; the message says what the engine said.</exception>
    Task<ISandbox> StartAsync(SandboxOptions options, string? label, CancellationToken cancellationToken);

    /// <summary>
    /// Removes sandboxes that have expired or whose owner, a process of this program on this machine, is gone. Those of living owners stay.
    /// </summary>
    /// <returns>How many were removed.</returns>
    /// <exception cref="SandboxException">The runtime does not answer.</exception>
    Task<int> RemoveLeftoversAsync(CancellationToken cancellationToken);
}
