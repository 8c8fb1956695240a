using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Network;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Network;

/// <summary>Programs in a sandbox with an allow-list, whatever makes it; the server that the list names is on this machine.</summary>
public abstract class NetworkedSandboxContract(SandboxRuntimeKind kind) : IAsyncLifetime
{
    private const string Fetch = "import urllib.request\ndef fetch(url):\n    try: return urllib.request.urlopen(url, timeout=5).read().decode()\n    except Exception as e: return f'{e} {e.read().decode() if hasattr(e, \"read\") else \"\"}'";

    private readonly TestServer _server = new();
    private ISandboxRuntime? _runtime;
    private SandboxSession? _session;

    public async ValueTask InitializeAsync()
    {
        (await OpenAsync() as IDisposable)?.Dispose();
        SandboxRuntimeOptions options = new() { Runtime = kind, Network = new NetworkOptions { Allow = [_server.Address] } };
        _runtime = await SandboxRuntimes.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, default);
        _session = await SandboxSession.StartAsync(_runtime, new SandboxOptions { MemoryMib = 256, CallTimeoutSeconds = 10 }, null, TimeProvider.System, default);
        Assert.Null((await PythonAsync(Fetch)).Error);
    }

    public async ValueTask DisposeAsync()
    {
        if (_session is not null)
            await _session.DisposeAsync();
        (_runtime as IDisposable)?.Dispose();
        _server.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_listed_host_is_reached_by_what_reads_the_usual_variables()
    {
        Assert.Equal("'hello'", await ValueAsync($"fetch('http://{_server.Address}/')"));
        Assert.Equal("3145728", await ValueAsync($"len(fetch('http://{_server.Address}/big'))"));
        Assert.Equal("['hello', 'hello', 'hello', 'hello']", await ValueAsync(
            $"from concurrent.futures import ThreadPoolExecutor\nlist(ThreadPoolExecutor(4).map(fetch, ['http://{_server.Address}/'] * 4))"));
        string tunnel = await ValueAsync(
            $"""
            import socket, os
            host, port = os.environ['https_proxy'].removeprefix('http://').split(':')
            s = socket.create_connection((host, int(port)))
            s.sendall(b'CONNECT {_server.Address} HTTP/1.1\r\n\r\n')
            first = s.recv(1000).split(b'\r\n')[0].decode()
            s.sendall(b'GET / HTTP/1.1\r\n\r\n')
            rest = b''
            while part := s.recv(1000): rest += part
            first, rest[-5:]
            """);
        Assert.Equal("('HTTP/1.1 200 Connection established', b'hello')", tunnel);
    }

    [Fact]
    public async Task Another_host_or_port_is_refused_with_a_sentence_that_the_program_sees()
    {
        string allowed = $"is not allowed; allowed: {_server.Address}.";
        Assert.Contains($"Host 'example.org:80' {allowed}", await ValueAsync("fetch('http://example.org/')"), StringComparison.Ordinal);
        Assert.Contains($"Tunnel connection failed: 403 Host 'packages.test:443' {allowed}", await ValueAsync("fetch('https://packages.test/')"), StringComparison.Ordinal);
        Assert.Contains($"Host '127.0.0.2:1' {allowed}", await ValueAsync("fetch('http://127.0.0.2:1/')"), StringComparison.Ordinal);
        Assert.Contains($"Host '169.254.169.254:80' {allowed}", await ValueAsync("fetch('http://169.254.169.254/')"), StringComparison.Ordinal);
        Assert.Empty(_server.Heads);
    }

    [Fact]
    public async Task Raw_sockets_and_names_stay_dead_and_the_proxys_folder_is_read_only()
    {
        string result = await ValueAsync(
            $"""
            import socket
            def attempt(action):
                try: action(); return 'done'
                except OSError as e: return type(e).__name__
            [attempt(lambda: socket.create_connection(('127.0.0.2', {_server.Port}), 2)), attempt(lambda: socket.create_connection(('1.1.1.1', 53), 2)),
             attempt(lambda: socket.getaddrinfo('example.org', 80)), attempt(lambda: open('/run/agentrollout/x', 'w')),
             attempt(lambda: __import__('os').unlink('/run/agentrollout/proxy.sock'))]
            """);
        Assert.Equal("['ConnectionRefusedError', 'OSError', 'gaierror', 'OSError', 'OSError']", result);
    }

    [Fact]
    public async Task The_way_to_the_network_outlives_time_outs_and_is_mended_when_it_is_killed()
    {
        Assert.Equal(SandboxEnd.Died, (await _session!.RunPythonAsync("import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(os.getpid(), signal.SIGKILL)", default)).Ended);
        await PythonAsync(Fetch);
        Assert.Equal("'hello'", await ValueAsync($"fetch('http://{_server.Address}/')"));
        await PythonAsync("import os\nfor p in map(int, filter(str.isdigit, os.listdir('/proc'))):\n    if p not in (1, os.getpid()): os.kill(p, 9)\nimport time\ntime.sleep(0.2)");
        Assert.Equal("'hello'", await ValueAsync($"fetch('http://{_server.Address}/')"));
    }

    [Fact]
    public async Task Without_a_list_there_is_no_socket_and_no_variable()
    {
        ISandboxRuntime runtime = await OpenAsync();
        using IDisposable? closing = runtime as IDisposable;
        await using SandboxSession session = await SandboxSession.StartAsync(runtime, new SandboxOptions(), null, TimeProvider.System, default);
        SandboxReply reply = await session.RunPythonAsync("import os\nos.path.exists('/run/agentrollout'), [n for n in os.environ if 'proxy' in n.lower()], len([p for p in os.listdir('/proc') if p.isdigit()])", default);
        Assert.Equal("(False, [], 2)", reply.Value);
    }

    /// <summary>The runtime without a network, or a skip of the running test.</summary>
    protected abstract Task<ISandboxRuntime> OpenAsync();

    private Task<SandboxReply> PythonAsync(string code) => _session!.RunPythonAsync(code, default);

    private async Task<string> ValueAsync(string code)
    {
        SandboxReply reply = await PythonAsync(code);
        return reply.Value ?? $"{reply.Ended} {reply.Error}";
    }
}
