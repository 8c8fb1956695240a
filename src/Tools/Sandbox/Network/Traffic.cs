using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>What one sandbox has used of its network, and what it was denied. Safe to use concurrently.</summary>
internal sealed class Traffic(NetworkOptions options, ILogger logger)
{
    /// <summary>Denied targets that are logged; a model may try more than anybody wants to read.</summary>
    private const int MaxLogged = 32;

    private readonly HashSet<string> _denied = [];
    private long _left = options.MaxMib * 1024L * 1024;
    private int _open;

    /// <summary>Counts a connection in; whoever does counts it out with <see cref="Close"/>, refused or not.</summary>
    /// <exception cref="ProxyRefusedException">There are too many, or the sandbox has moved all its bytes.</exception>
    public void Open()
    {
        if (Interlocked.Increment(ref _open) > options.MaxConnections)
            throw new ProxyRefusedException(503, $"A sandbox has at most {options.MaxConnections} connections at once.");
        if (Interlocked.Read(ref _left) <= 0)
            throw new ProxyRefusedException(403, $"This sandbox has used up its {options.MaxMib} MiB of network traffic.");
    }

    public void Close() => Interlocked.Decrement(ref _open);

    /// <exception cref="IOException">These bytes are more than the sandbox may move.</exception>
    public void Spend(int bytes)
    {
        if (Interlocked.Add(ref _left, -bytes) < 0)
            throw new IOException($"A sandbox may move {options.MaxMib} MiB.");
    }

    public void Deny(HostPort target)
    {
        lock (_denied)
        {
            if (_denied.Count >= MaxLogged || !_denied.Add(target.ToString()))
                return;
        }

        Log.NetworkDenied(logger, target.ToString());
    }
}
