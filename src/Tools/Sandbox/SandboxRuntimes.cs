using AgentRollout.Tools.Sandbox.Bubblewrap;
using AgentRollout.Tools.Sandbox.Docker;
using AgentRollout.Tools.Sandbox.Network;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Sandbox;

/// <summary>Finds the runtime that sandboxes are made by.</summary>
public static class SandboxRuntimes
{
    /// <summary>Connects to the chosen runtime, or to the first that answers. There is no way to run a sandboxed tool without one.</summary>
    /// <exception cref="SandboxException">None answers; the message says why, and what to install.</exception>
    public static async Task<ISandboxRuntime> OpenAsync(
        SandboxRuntimeOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        NetworkRules rules = new(options.Network);
        List<string> reasons = [];
        foreach ((SandboxRuntimeKind kind, Func<Task<ISandboxRuntime>> open) in Candidates(options, time, loggers, cancellationToken))
        {
            if (options.Runtime != SandboxRuntimeKind.Auto && options.Runtime != kind)
                continue;
            try
            {
                ISandboxRuntime runtime = await open();
                if (reasons.Count > 0)
                    Log.SecondChoice(loggers.CreateLogger(typeof(SandboxRuntimes)), runtime.Name, string.Join(' ', reasons));
                return rules.AreNone ? runtime : new ProxiedRuntime(runtime, new SandboxNetwork(rules, options.Network, loggers.CreateLogger<SandboxNetwork>()));
            }
            catch (SandboxException error)
            {
                reasons.Add(error.Message);
            }
        }

        throw new SandboxException(
            $"Sandboxed tools need a sandbox runtime, and none is ready: {string.Join(' ', reasons)} Install Docker (docker/start-docker.sh does on Debian) and build the image with docker/sandbox/build.sh, or install bubblewrap and python3 and run the server as root.");
    }

    private static (SandboxRuntimeKind Kind, Func<Task<ISandboxRuntime>> Open)[] Candidates(
        SandboxRuntimeOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
    [
        (SandboxRuntimeKind.Docker, async () => await DockerRuntime.ConnectAsync(
            Endpoint(options), options.Image, time, loggers.CreateLogger<DockerRuntime>(), cancellationToken)),
        (SandboxRuntimeKind.Bubblewrap, async () => await BubblewrapRuntime.ConnectAsync(time, cancellationToken)),
    ];

    private static DockerEndpoint Endpoint(SandboxRuntimeOptions options)
    {
        DockerEndpoint endpoint = new(options.DockerHost, options.DockerCertPath);
        return endpoint.IsRemote && options.Network.Allow is not []
            ? throw new SandboxException($"Docker at '{endpoint}' is reached over TCP, and a network allow-list needs an engine of this machine at unix:///PATH.")
            : endpoint;
    }
}
