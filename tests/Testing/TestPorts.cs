using System.Net;
using System.Net.Sockets;

namespace AgentRollout.Testing;

/// <summary>
/// Loopback ports for servers that must be told theirs before they listen. They lie below the range from which systems give ports to connections
/// and to listeners that ask for any, so that nobody gets one between the look and the use; a test process hands each out once.
/// </summary>
public static class TestPorts
{
    private const int First = 20_000;
    private const int Count = 10_000;

    // Test apps that run one after the other do not begin with the ports that the one before used last.
    private static int _handedOut = Environment.ProcessId * 97 % Count;

    /// <summary>A port on which nobody listens, the first of so many in a row.</summary>
    public static int Free(int inARow = 1)
    {
        while (true)
        {
            int port = First + ((Interlocked.Add(ref _handedOut, inARow) - inARow) % (Count - inARow));
            if (Enumerable.Range(port, inARow).All(IsFree))
                return port;
        }
    }

    private static bool IsFree(int port)
    {
        using TcpListener listener = new(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
