using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>
/// One connection from a sandbox: a request head, a decision, then bytes both ways until either side has enough. The name is resolved here, and
/// the very address that was checked is connected to, so that an answer that changes later changes nothing.
/// </summary>
internal sealed class ProxyConnection(NetworkStream client, NetworkRules rules, Traffic traffic)
{
    private const int MaxHeadBytes = 16 * 1024;
    private const int BufferBytes = 32 * 1024;

    private static readonly TimeSpan HeadTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(2);

    /// <exception cref="ProxyRefusedException">The request is refused or its target not reached; nothing was answered yet.</exception>
    /// <exception cref="IOException">A side went away.</exception>
    public async Task ServeAsync(CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[MaxHeadBytes];
        (int head, int received) = await ReceiveHeadAsync(buffer, cancellationToken);
        ProxyRequest request = ProxyRequest.Parse(buffer.AsSpan(0, head));
        using NetworkStream server = new(await ConnectAsync(request.Target, cancellationToken), ownsSocket: true);
        if (request.IsTunnel)
            await client.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), cancellationToken);
        ReadOnlyMemory<byte> first = buffer.AsMemory((head + 4)..received);
        traffic.Spend(request.Head.Length + first.Length);
        await server.WriteAsync(request.Head, cancellationToken);
        await server.WriteAsync(first, cancellationToken);
        await RelayAsync(server, cancellationToken);
    }

    /// <summary>Answers with one sentence, also as the reason phrase, which is all that clients show of a tunnel that was refused.</summary>
    public async Task RefuseAsync(ProxyRefusedException refusal, CancellationToken cancellationToken)
    {
        byte[] answer = Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {refusal.Status} {refusal.Message}\r\nContent-Type: text/plain\r\nContent-Length: {refusal.Message.Length + 1}\r\nConnection: close\r\n\r\n{refusal.Message}\n");
        await client.WriteAsync(answer, cancellationToken);
        client.Socket.Shutdown(SocketShutdown.Send);
        // Closed with bytes still on their way, the connection would be reset, and the answer lost.
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(DrainTimeout);
        byte[] waste = new byte[BufferBytes];
        while (await client.ReadAsync(waste, limit.Token) > 0)
        {
        }
    }

    private async Task<(int Head, int Received)> ReceiveHeadAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(HeadTimeout);
        for (int received = 0; received < buffer.Length;)
        {
            int count = await client.ReadAsync(buffer.AsMemory(received), limit.Token);
            if (count == 0)
                throw new EndOfStreamException("The sandbox sent no request.");
            received += count;
            int head = buffer.AsSpan(0, received).IndexOf("\r\n\r\n"u8);
            if (head >= 0)
                return (head, received);
        }

        throw new ProxyRefusedException(431, $"The request to the proxy is malformed: its head has more than {MaxHeadBytes} bytes.");
    }

    private async Task<Socket> ConnectAsync(HostPort target, CancellationToken cancellationToken)
    {
        if (!rules.Name(target))
            throw Denied(target, "");
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ConnectTimeout);
        try
        {
            IPAddress[] addresses = target.Address is { } literal ? [literal] : await ResolveAsync(target, limit.Token);
            return await ConnectAsync(addresses, target.Port, limit.Token);
        }
        catch (SocketException error)
        {
            throw new ProxyRefusedException(502, $"Host '{target}' could not be reached: {error.SocketErrorCode}.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProxyRefusedException(504, $"Host '{target}' did not answer within {ConnectTimeout.TotalSeconds} s.");
        }
    }

    private async Task<IPAddress[]> ResolveAsync(HostPort target, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(target.Host, cancellationToken);
        IPAddress[] allowed = [.. addresses.Where(address => rules.MayLeadTo(address, target.Port))];
        return allowed is [] ? throw Denied(target, " at a private address") : allowed;
    }

    private ProxyRefusedException Denied(HostPort target, string where)
    {
        traffic.Deny(target);
        return new ProxyRefusedException(403, $"Host '{target}'{where} is not allowed; allowed: {rules.Text}.");
    }

    private static async Task<Socket> ConnectAsync(IPAddress[] addresses, int port, CancellationToken cancellationToken)
    {
        for (int i = 0; ; i++)
        {
            Socket socket = new(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(addresses[i], port), cancellationToken);
                return socket;
            }
            catch (Exception error)
            {
                socket.Dispose();
                if (error is not SocketException || i == addresses.Length - 1)
                    throw;
            }
        }
    }

    /// <summary>The server's end is the end; the client may have said all that it wants to before that.</summary>
    private async Task RelayAsync(NetworkStream server, CancellationToken cancellationToken)
    {
        using CancellationTokenSource idle = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task up = CopyAsync(client, server, idle);
        try
        {
            await CopyAsync(server, client, idle);
        }
        finally
        {
            await idle.CancelAsync();
            await up.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, CancellationTokenSource idle)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                idle.CancelAfter(IdleTimeout);
                int count = await from.ReadAsync(buffer, idle.Token);
                if (count == 0)
                    break;
                traffic.Spend(count);
                await to.WriteAsync(buffer.AsMemory(0, count), idle.Token);
            }

            to.Socket.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            await idle.CancelAsync();
            throw;
        }
    }
}
