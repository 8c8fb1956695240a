namespace AgentRollout.RolloutEngine;

/// <summary>The engine refused or lost a request, or cannot honour a checkpoint; the message names the value and what is supported.</summary>
public sealed class EngineException : Exception
{
    public EngineException(string message) : base(message)
    {
    }

    public EngineException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>Whether the engine itself is away, so that another one might serve the same request. Default false: the request is what was refused.</summary>
    public bool IsLost { get; init; }
}
