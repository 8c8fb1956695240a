using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>Opens a proxy for each sandbox, in folders that only this process's user enters. Folders of processes that are gone are removed.</summary>
internal sealed class SandboxNetwork : IDisposable
{
    private const string Prefix = "agentrollout-net-";
    private const string OwnerName = "owner";

    private readonly NetworkRules _rules;
    private readonly NetworkOptions _options;
    private readonly ILogger _logger;
    private readonly string _root;
    private int _count;

    /// <exception cref="IOException">The machine's folder of temporary files cannot be written to.</exception>
    public SandboxNetwork(NetworkRules rules, NetworkOptions options, ILogger logger)
    {
        _rules = rules;
        _options = options;
        _logger = logger;
        RemoveLeftovers();
        _root = Directory.CreateTempSubdirectory(Prefix).FullName;
        File.WriteAllText(Path.Combine(_root, OwnerName), SandboxOwner.Current);
    }

    /// <exception cref="SandboxException">The socket cannot be made.</exception>
    public SandboxProxy Open()
    {
        if (OperatingSystem.IsWindows())
            throw new SandboxException("A network allow-list needs Linux.");
        string folder = Path.Combine(_root, Interlocked.Increment(ref _count).ToString(CultureInfo.InvariantCulture));
        try
        {
            return new SandboxProxy(folder, _rules, _options, _logger);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SocketException or ArgumentException)
        {
            throw new SandboxException($"The network proxy of a sandbox cannot be opened in '{folder}': {error.Message}", error);
        }
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static void RemoveLeftovers()
    {
        foreach (string folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            try
            {
                if (SandboxOwner.IsDead(File.ReadAllText(Path.Combine(folder, OwnerName))))
                    Directory.Delete(folder, recursive: true);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Another user's, or one that is being made or removed right now.
            }
        }
    }
}
