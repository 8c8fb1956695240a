using AgentRollout.Testing;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Docker;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

/// <summary>The Docker Engine that docker/start-docker.sh makes available; test.sh exports its address as DOCKER_HOST.</summary>
internal static class TestDocker
{
    /// <summary>The collection of tests that count or kill the containers of this process, and so run one after the other.</summary>
    public const string Name = "Docker";

    public static DockerEndpoint Endpoint => new();

    /// <summary>Skips the running test with the reason where no engine is ready; with <c>CI=true</c> fails it.</summary>
    public static async Task<DockerRuntime> OpenAsync(TimeProvider? time = null)
    {
        try
        {
            return await DockerRuntime.ConnectAsync(
                Endpoint, SandboxRuntimeOptions.DefaultImage, time ?? TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        }
        catch (SandboxException error)
        {
            SharedFiles.Missing($"{error.Message} docker/start-docker.sh starts one.");
            throw;
        }
    }

    /// <summary>The ids of the containers that this process owns, running or not.</summary>
    public static async Task<string[]> OwnContainersAsync()
    {
        using DockerClient docker = new(Endpoint);
        return [.. (await docker.ListAsync($"{DockerRuntime.OwnerLabel}={SandboxOwner.Current}", CancellationToken.None)).Select(line => line.Id)];
    }
}
