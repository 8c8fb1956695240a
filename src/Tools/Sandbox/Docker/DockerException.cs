using System.Net;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>The Docker Engine refused a call or does not answer; the message is the engine's.</summary>
public sealed class DockerException : SandboxException
{
    public DockerException(HttpStatusCode status, string message) : base(message) => Status = status;

    public DockerException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>What the engine answered with; null where it did not answer.</summary>
    public HttpStatusCode? Status { get; }
}
