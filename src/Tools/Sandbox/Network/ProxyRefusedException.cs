namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>A request that the proxy does not carry out.</summary>
/// <param name="status">The HTTP status to answer with.</param>
/// <param name="message">One sentence of printable ASCII.</param>
internal sealed class ProxyRefusedException(int status, string message) : Exception(message)
{
    public int Status => status;
}
