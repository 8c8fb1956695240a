using AgentRollout.Tools.Sandbox.Docker;
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
        List<string> reasons = [];
        foreach ((SandboxRuntimeKind kind, Func<Task<ISandboxRuntime>> open) in Candidates(options, time, loggers, cancellationToken))
        {
            if (options.Runtime != SandboxRuntimeKind.Auto && options.Runtime != kind)
                continue;
            try
            {
                return await open();
            }
            catch (SandboxException error)
            {
                reasons.Add(error.Message);
            }
        }

        throw new SandboxException(
            $"Sandboxed tools need a sandbox runtime, and none is ready: {string.Join(' ', reasons)} Install Docker (docker/start-docker.sh does on Debian) and build the image with docker/sandbox/build.sh.");
    }

    private static (SandboxRuntimeKind Kind, Func<Task<ISandboxRuntime>> Open)[] Candidates(
        SandboxRuntimeOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
    [
        (SandboxRuntimeKind.Docker, async () => await DockerRuntime.ConnectAsync(
            new DockerEndpoint(options.DockerHost, options.DockerCertPath), options.Image, time, loggers.CreateLogger<DockerRuntime>(), cancellationToken)),
    ];
}
