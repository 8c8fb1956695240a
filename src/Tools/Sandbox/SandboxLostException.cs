namespace AgentRollout.Tools.Sandbox;

/// <summary>A sandbox ended or broke its protocol; nothing of it can be used any more.</summary>
public sealed class SandboxLostException(string message, Exception innerException) : SandboxException(message, innerException);
