using System.Globalization;
using System.Net.Sockets;
using System.Text;
using AgentRollout.Tools.Sandbox.Network;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Network;

/// <summary>The proxy by itself, spoken to over its socket as a hostile program would.</summary>
public sealed class SandboxProxyTests : IDisposable
{
    private readonly TestServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task A_request_is_sent_on_in_origin_form_without_what_is_between_client_and_proxy()
    {
        await using SandboxProxy proxy = Open(_server.Address);
        string answer = await AskAsync(proxy, $"POST http://{_server.Address}/a?b=c HTTP/1.1\r\nHost: evil\r\nProxy-Authorization: x\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi");
        Assert.EndsWith("\r\n\r\nhello", answer, StringComparison.Ordinal);
        Assert.Equal($"POST /a?b=c HTTP/1.1\r\nHost: {_server.Address}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", Assert.Single(_server.Heads).Replace("\r\n\r\nhi", "\r\n\r\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_tunnel_carries_bytes_both_ways()
    {
        await using SandboxProxy proxy = Open(_server.Address);
        string answer = await AskAsync(proxy, $"CONNECT {_server.Address} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("hello", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_listed_is_refused_with_the_host_and_the_allowed_ones()
    {
        await using SandboxProxy proxy = Open(_server.Address, "*.example.org:80");
        foreach (string request in new[] { "CONNECT evil.net:443", "GET http://evil.net:443/x" })
        {
            string sentence = $"Host 'evil.net:443' is not allowed; allowed: {_server.Address}, *.example.org:80.";
            string answer = await AskAsync(proxy, $"{request} HTTP/1.1\r\n\r\n");
            Assert.StartsWith($"HTTP/1.1 403 {sentence}\r\n", answer, StringComparison.Ordinal);
            Assert.EndsWith($"\r\n\r\n{sentence}\n", answer, StringComparison.Ordinal);
        }

        Assert.StartsWith("HTTP/1.1 403 ", await AskAsync(proxy, $"CONNECT 127.0.0.1:{_server.Port} HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listed_name_that_leads_to_a_private_address_is_refused_until_the_address_is_listed()
    {
        using TestServer local = new("127.0.0.1");
        await using (SandboxProxy proxy = Open($"localhost:{local.Port}"))
        {
            Assert.StartsWith(
                $"HTTP/1.1 403 Host 'localhost:{local.Port}' at a private address is not allowed; allowed: localhost:{local.Port}.",
                await AskAsync(proxy, $"GET http://localhost:{local.Port}/ HTTP/1.1\r\n\r\n"),
                StringComparison.Ordinal);
            Assert.Empty(local.Heads);
        }

        await using SandboxProxy open = Open($"localhost:{local.Port}", local.Address);
        Assert.EndsWith("hello", await AskAsync(open, $"GET http://localhost:{local.Port}/ HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET https://127.0.0.2/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://user@127.0.0.2/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://127.0.0.2:99999/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET  http://127.0.0.2/ HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://127.0.0.2/ HTTP/2\r\n\r\n")]
    [InlineData("GET http://127.0.0.2/ HTTP/1.1\r\n folded: x\r\n\r\n")]
    [InlineData("GET http://127.0.0.2/ HTTP/1.1\r\nA: b\nHost: evil\r\n\r\n")]
    [InlineData("GET http://127.0.0.2/ HTTP/1.1\r\nno colon\r\n\r\n")]
    [InlineData("CONNECT 127.0.0.2 HTTP/1.1\r\n\r\n")]
    [InlineData("\r\n\r\n")]
    [InlineData("\0\u00ff\r\n\r\n")]
    public async Task A_malformed_request_is_answered_400(string request)
    {
        await using SandboxProxy proxy = Open(_server.Address);
        Assert.StartsWith("HTTP/1.1 400 The request to the proxy is malformed: ", await AskAsync(proxy, request), StringComparison.Ordinal);
        Assert.Empty(_server.Heads);
    }

    [Fact]
    public void Whatever_the_bytes_are_they_are_a_request_or_refused()
    {
        Random random = new(7);
        string[] parts = ["GET ", "CONNECT ", "http://", "127.0.0.2", ":80", "/", " HTTP/1.1", "\r\n", "\n", ":", "[", "]", "@", "a.b", "\0", "é", " ", "%", "Host: x"];
        int refused = 0;
        for (int round = 0; round < 20_000; round++)
        {
            string Some(int most) => string.Concat(Enumerable.Range(0, random.Next(most)).Select(_ => parts[random.Next(parts.Length)]));
            string head = $"{(random.Next(2) == 0 ? "CONNECT " : "GET http://")}127.0.0.2{Some(4)} HTTP/1.1{(random.Next(2) == 0 ? "\r\nA: b" : "")}{Some(3)}";
            try
            {
                ProxyRequest request = ProxyRequest.Parse(Encoding.Latin1.GetBytes(head));
                string sent = Encoding.Latin1.GetString(request.Head);
                Assert.Equal(request.IsTunnel ? 0 : 1, sent.Split("\r\n").Count(line => line.StartsWith("Host:", StringComparison.Ordinal)));
                Assert.InRange(request.Target.Port, 1, 65_535);
            }
            catch (ProxyRefusedException refusal)
            {
                Assert.Equal(400, refusal.Status);
                refused++;
            }
        }

        Assert.InRange(refused, 5_000, 19_500);
    }

    [Fact]
    public async Task A_head_without_end_is_refused()
    {
        await using SandboxProxy proxy = Open(_server.Address);
        Assert.StartsWith("HTTP/1.1 431 ", await AskAsync(proxy, new string('x', 16 * 1024)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sandbox_moves_its_bytes_and_no_more()
    {
        await using SandboxProxy proxy = Open(new NetworkOptions { Allow = [_server.Address], MaxMib = 1 });
        string big = await AskAsync(proxy, $"GET http://{_server.Address}/big HTTP/1.1\r\n\r\n");
        Assert.InRange(big.Length, 900_000, 1 << 20);
        Assert.StartsWith("HTTP/1.1 403 This sandbox has used up its 1 MiB of network traffic.\r\n", await AskAsync(proxy, $"GET http://{_server.Address}/ HTTP/1.1\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_refused_and_closed_ones_make_room()
    {
        await using SandboxProxy proxy = Open(new NetworkOptions { Allow = [_server.Address], MaxConnections = 1 });
        using (Socket held = await ConnectAsync(proxy))
        {
            await held.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {_server.Address} HTTP/1.1\r\n\r\n"));
            await held.ReceiveAsync(new byte[64]);
            Assert.StartsWith("HTTP/1.1 503 A sandbox has at most 1 connections at once.", await AskAsync(proxy, ""), StringComparison.Ordinal);
        }

        string answer = "";
        for (int tries = 0; tries < 100 && !answer.EndsWith("hello", StringComparison.Ordinal); tries++)
        {
            await Task.Delay(20);
            answer = await AskAsync(proxy, $"GET http://{_server.Address}/ HTTP/1.1\r\n\r\n");
        }

        Assert.EndsWith("hello", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposing_ends_what_is_open_and_removes_the_folder()
    {
        SandboxProxy proxy = Open(_server.Address);
        using Socket held = await ConnectAsync(proxy);
        await held.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {_server.Address} HTTP/1.1\r\n\r\n"));
        await held.ReceiveAsync(new byte[64]);
        await proxy.DisposeAsync();
        Assert.Equal(0, await held.ReceiveAsync(new byte[1]));
        Assert.False(Directory.Exists(proxy.Folder));
    }

    private static SandboxProxy Open(params string[] allow) => Open(new NetworkOptions { Allow = allow });

    private static SandboxProxy Open(NetworkOptions options)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Sandboxes are made on Linux.");
        string folder = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"agentrollout-proxy-{Guid.NewGuid():N}"));
        return OperatingSystem.IsWindows() ? null! : new SandboxProxy(folder, new NetworkRules(options), options, NullLogger.Instance);
    }

    private static async Task<Socket> ConnectAsync(SandboxProxy proxy)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(proxy.Folder, SandboxProxy.SocketName)));
        return socket;
    }

    /// <summary>Sends bytes and reads until the end, or until the connection is cut.</summary>
    private static async Task<string> AskAsync(SandboxProxy proxy, string request)
    {
        using Socket socket = await ConnectAsync(proxy);
        StringBuilder answer = new();
        byte[] buffer = new byte[65_536];
        try
        {
            await socket.SendAsync(Encoding.Latin1.GetBytes(request));
            while (await socket.ReceiveAsync(buffer) is > 0 and int count)
                answer.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        catch (SocketException)
        {
            // What came before counts.
        }

        return answer.ToString();
    }
}
