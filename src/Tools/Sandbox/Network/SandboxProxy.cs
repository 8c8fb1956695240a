using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>
/// The HTTP proxy of one sandbox, on a Unix socket in a folder that is bound into it. It takes CONNECT and absolute-form requests; what the
/// allow-list does not name is answered 403. Disposing ends its connections and removes the folder.
/// </summary>
internal sealed class SandboxProxy : IAsyncDisposable
{
    /// <summary>The name of the socket in the folder.</summary>
    public const string SocketName = "proxy.sock";

    /// <summary>The file in the folder that lists the hosts which programs reach without the proxy.</summary>
    public const string DirectName = "no_proxy";

    private const int Backlog = 64;
    private const UnixFileMode Everyone = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Enter = Everyone | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode Connect = Everyone | UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    private readonly NetworkRules _rules;
    private readonly Traffic _traffic;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Task, byte> _connections = [];
    private readonly Task _accepting;

    /// <param name="folder">Does not exist yet. Sandboxes have users of their own, so that its rights are for everybody; who else sees it is the parent's to say.</param>
    [UnsupportedOSPlatform("windows")]
    public SandboxProxy(string folder, NetworkRules rules, NetworkOptions options, ILogger logger)
    {
        Folder = folder;
        _rules = rules;
        _traffic = new Traffic(options, logger);
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, Enter);
        string direct = Path.Combine(folder, DirectName);
        File.WriteAllText(direct, rules.Direct);
        File.SetUnixFileMode(direct, Everyone);
        string socket = Path.Combine(folder, SocketName);
        _listener.Bind(new UnixDomainSocketEndPoint(socket));
        File.SetUnixFileMode(socket, Connect);
        _listener.Listen(Backlog);
        _accepting = AcceptAsync();
    }

    public string Folder { get; }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _accepting;
        _listener.Dispose();
        await Task.WhenAll(_connections.Keys);
        _stopping.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync(_stopping.Token);
                Task serving = ServeAsync(client);
                _connections[serving] = 0;
                _ = serving.ContinueWith(done => _connections.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException)
        {
            // Disposed, or this process has no descriptor left; the sandbox is then without network.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using NetworkStream client = new(socket, ownsSocket: true);
        ProxyConnection connection = new(client, _rules, _traffic);
        try
        {
            try
            {
                _traffic.Open();
                await connection.ServeAsync(_stopping.Token);
            }
            catch (ProxyRefusedException refusal)
            {
                await connection.RefuseAsync(refusal, _stopping.Token);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
        {
            // A side went away, was too slow, or had moved all its bytes; the other sees its connection end.
        }
        finally
        {
            _traffic.Close();
        }
    }
}
