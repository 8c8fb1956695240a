using System.Globalization;
using AgentRollout.Gateway.Bench;
using AgentRollout.Testing;
using AgentRollout.Tools.Sandbox;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Tests;

/// <summary>Sandboxes on the engine that docker/start-docker.sh makes available.</summary>
internal static class TestSandbox
{
    /// <summary>The collection of tests that count containers, and so run one after the other.</summary>
    public const string Collection = "Docker";

    private static readonly DockerCommand Docker = new(null);

    /// <summary>Skips the running test with the reason where no engine is ready; with <c>CI=true</c> fails it.</summary>
    public static async Task<SandboxParts> OpenAsync(SandboxSettings? settings = null)
    {
        try
        {
            settings = (settings ?? new SandboxSettings { Warm = 1 }) with { Runtime = SandboxRuntimeKind.Docker };
            return (await SandboxParts.OpenAsync(settings, NullLoggerFactory.Instance, default))!;
        }
        catch (SandboxException error)
        {
            SharedFiles.Missing($"{error.Message} docker/start-docker.sh does.");
            throw;
        }
    }

    /// <summary>How many containers there are, running or not, of the process with this id.</summary>
    public static async Task<int> CountAsync(int process)
    {
        string owner = string.Create(CultureInfo.InvariantCulture, $":{process}:");
        string owners = await Docker.RunAsync("ps", "-a", "--filter", "label=agentrollout.owner", "--format", "{{.Label \"agentrollout.owner\"}}") ?? "";
        return owners.Split('\n').Count(line => line.Contains(owner, StringComparison.Ordinal));
    }
}
