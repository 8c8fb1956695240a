namespace AgentRollout.Tools;

/// <summary>A tool cannot be registered, found or run; the message names the value and what is known.</summary>
public sealed class ToolException : Exception
{
    public ToolException(string message) : base(message)
    {
    }

    public ToolException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
