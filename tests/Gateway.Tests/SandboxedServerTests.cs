using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Gateway.Tests.Commands;
using AgentRollout.Testing;
using AgentRollout.Tools.Sandbox;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests;

/// <summary>Sandboxed tools as the executable offers them, on the engine that docker/start-docker.sh makes available and on Bubblewrap.</summary>
[Collection(TestSandbox.Collection)]
public sealed class SandboxedServerTests
{
    [Theory]
    [InlineData("docker")]
    [InlineData("bubblewrap")]
    public async Task A_server_that_is_killed_in_the_middle_of_episodes_leaves_no_sandbox_to_the_next_one(string runtime)
    {
        SandboxRuntimeKind kind = Enum.Parse<SandboxRuntimeKind>(runtime, ignoreCase: true);
        string[] command = ["bench", "sandbox", "--runtime", runtime, "--episodes-only", "--json"];
        using (await TestSandbox.OpenAsync(kind: kind))
        {
        }

        string program = Path.Combine(AppContext.BaseDirectory, "agentrollout.dll");
        ProcessStartInfo start = new("dotnet", [program, .. command, "--episodes", "50", "--episode-cells", "1000000", "--concurrency", "50"]) { RedirectStandardOutput = true };
        using Process server = Process.Start(start)!;
        while (await TestSandbox.CountAsync(kind, server.Id) < 50)
        {
            Assert.False(server.HasExited, "The server ended by itself.");
            await Task.Delay(200);
        }

        server.Kill();
        await server.WaitForExitAsync();
        CommandResult next = await CommandLineRunner.RunAsync([.. command, "--episodes", "2", "--concurrency", "1"]);

        Assert.Equal("", next.Error);
        JsonElement episodes = JsonElement.Parse(Assert.Single(next.Lines)).GetProperty("episodes");
        Assert.Equal((0, 0), (episodes.GetProperty("failed").GetInt32(), episodes.GetProperty("orphans").GetInt32()));
        Assert.Equal(0, await TestSandbox.CountAsync(kind, server.Id));
    }

    [Fact]
    public async Task With_sandboxes_the_server_offers_their_tools_and_the_environment_that_needs_them()
    {
        using SandboxParts sandbox = await TestSandbox.OpenAsync();
        await using LoadedModel model = await LoadedModel.LoadAsync(
            ModelFolderOfTests, new() { Threads = 1 }, NullLoggerFactory.Instance, new());
        await using TestGateway gateway = await TestGateway.StartAsync(model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex(), sandbox));

        string[] tools = [.. (await gateway.GetAsync("/v1/tools")).EnumerateArray().Select(tool => tool.GetProperty("name").GetString()!)];
        Assert.Equal(["calculator", "search", "python", "shell", "read_file", "write_file", "list_files"], tools);
        Assert.Contains("code", (await gateway.GetAsync("/v1/environments")).EnumerateArray().Select(item => item.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task Without_a_runtime_that_answers_the_start_is_refused_with_what_to_install()
    {
        string config = Path.GetTempFileName();
        await File.WriteAllTextAsync(config, """{"sandbox": {"runtime": "docker", "docker_host": "unix:///nowhere.sock"}, "urls": ["http://127.0.0.1:0"]}""");
        CommandResult result = await CommandLineRunner.RunAsync("serve", "--config", config);
        File.Delete(config);

        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith(
            "Sandboxed tools need a sandbox runtime, and none is ready: Docker at 'unix:///nowhere.sock' does not answer: There is no such socket. Install Docker",
            result.Error,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"sandbox": {"warm": -1}}""", "sandbox.warm")]
    [InlineData("""{"sandbox": {"limits": {"memory_mib": 1}}}""", "sandbox.limits.memory_mib")]
    [InlineData("""{"sandbox": {"runtime": "chroot"}}""", "sandbox.runtime")]
    public async Task A_setting_out_of_its_range_is_refused_by_name(string json, string name)
    {
        string config = Path.GetTempFileName();
        await File.WriteAllTextAsync(config, json);
        CommandResult result = await CommandLineRunner.RunAsync("serve", "--config", config);
        File.Delete(config);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"'{name}'", result.Error, StringComparison.Ordinal);
    }

    private static string ModelFolderOfTests => SharedFiles.InRepository("models", "tiny-agent");
}
