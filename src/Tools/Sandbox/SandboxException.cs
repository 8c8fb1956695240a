namespace AgentRollout.Tools.Sandbox;

/// <summary>A sandbox cannot be started, reached or used; the message is one sentence with what the runtime said.</summary>
public class SandboxException : Exception
{
    public SandboxException(string message) : base(message)
    {
    }

    public SandboxException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
