using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentRollout.Tools.Tests.Sandbox.Network;

/// <summary>An HTTP server of this machine: answers <c>hello</c>, under <c>/big</c> 3 MiB, and keeps the heads of its requests.</summary>
internal sealed class TestServer : IDisposable
{
    private readonly TcpListener _listener;

    public TestServer(string address = "127.0.0.2")
    {
        _listener = new TcpListener(IPAddress.Parse(address), 0);
        _listener.Start();
        Address = $"{address}:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        _ = AcceptAsync();
    }

    /// <summary><c>ADDRESS:PORT</c>.</summary>
    public string Address { get; }

    public string Port => Address[(Address.LastIndexOf(':') + 1)..];

    public ConcurrentQueue<string> Heads { get; } = [];

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using (client)
            await using (NetworkStream stream = client.GetStream())
            {
                StringBuilder head = new();
                byte[] buffer = new byte[4_096];
                while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
                {
                    int count = await stream.ReadAsync(buffer);
                    if (count == 0)
                        return;
                    head.Append(Encoding.Latin1.GetString(buffer, 0, count));
                }

                Heads.Enqueue(head.ToString());
                byte[] body = head.ToString().Contains(" /big ", StringComparison.Ordinal) ? new byte[3 << 20] : "hello"u8.ToArray();
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n"));
                await stream.WriteAsync(body);
            }
        }
        catch (IOException)
        {
            // The client went away.
        }
    }
}
