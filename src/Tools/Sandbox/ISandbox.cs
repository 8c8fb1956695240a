namespace AgentRollout.Tools.Sandbox;

/// <summary>
/// An isolated process tree whose first process, PID 1 of its own PID namespace, runs the agent program and speaks its frames
/// (<see cref="SandboxAgent"/>) on standard input and output. Disposing kills it and leaves nothing of it behind.
/// </summary>
public interface ISandbox : IAsyncDisposable
{
    /// <summary>The runtime's name of it.</summary>
    string Id { get; }

    /// <summary>What the agent reads.</summary>
    Stream Input { get; }

    /// <summary>What the agent writes; it ends when the sandbox does.</summary>
    Stream Output { get; }

    /// <summary>Kills every process in it; does nothing where none is left.</summary>
    Task KillAsync();
}
