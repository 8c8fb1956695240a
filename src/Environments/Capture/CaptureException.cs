namespace AgentRollout.Environments.Capture;

/// <summary>A session cannot answer a call; the message says why in one sentence.</summary>
public sealed class CaptureException(CaptureProblem problem, string message, Exception? cause = null) : Exception(message, cause)
{
    public CaptureProblem Problem { get; } = problem;
}

/// <summary>Why a session cannot answer.</summary>
public enum CaptureProblem
{
    /// <summary>The session is sealed, or is being sealed.</summary>
    Ended,

    /// <summary>It has had its turns, or the conversation is too long.</summary>
    Limit,

    /// <summary>The template refuses the conversation.</summary>
    Conversation,
}
