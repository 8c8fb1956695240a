using System.Globalization;
using AgentRollout.Gateway.Bench;
using AgentRollout.Testing;
using AgentRollout.Tools.Sandbox;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Tests;

/// <summary>Sandboxes on the engine that docker/start-docker.sh makes available, or on Bubblewrap.</summary>
internal static class TestSandbox
{
    /// <summary>The collection of tests that count containers, and so run one after the other.</summary>
    public const string Collection = "Docker";

    private static readonly DockerCommand Docker = new(null);

    /// <summary>Skips the running test with the reason where the runtime is not ready; with <c>CI=true</c> fails it.</summary>
    public static async Task<SandboxParts> OpenAsync(SandboxSettings? settings = null, SandboxRuntimeKind kind = SandboxRuntimeKind.Docker)
    {
        try
        {
            settings = (settings ?? new SandboxSettings { Warm = 1 }) with { Runtime = kind };
            return (await SandboxParts.OpenAsync(settings, NullLoggerFactory.Instance, default))!;
        }
        catch (SandboxException error)
        {
            SharedFiles.Missing(error.Message);
            throw;
        }
    }

    /// <summary>How many containers there are, running or not, or control groups, of the process with this id.</summary>
    public static async Task<int> CountAsync(SandboxRuntimeKind kind, int process)
    {
        string owner = string.Create(CultureInfo.InvariantCulture, $":{process}:");
        if (kind == SandboxRuntimeKind.Bubblewrap)
            return CountGroups(owner);
        string owners = await Docker.RunAsync("ps", "-a", "--filter", "label=agentrollout.owner", "--format", "{{.Label \"agentrollout.owner\"}}") ?? "";
        return owners.Split('\n').Count(line => line.Contains(owner, StringComparison.Ordinal));
    }

    private static int CountGroups(string owner)
    {
        string[] parents = ["/sys/fs/cgroup/agentrollout", "/sys/fs/cgroup/memory/agentrollout", "/sys/fs/cgroup/pids/agentrollout", "/sys/fs/cgroup/cpu/agentrollout"];
        return parents.Where(Directory.Exists).Max(parent => Directory.EnumerateDirectories(parent).Count(name => name.Contains(owner, StringComparison.Ordinal)));
    }
}
