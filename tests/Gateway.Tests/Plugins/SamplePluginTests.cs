using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Gateway.Tests.Commands;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Plugins;

/// <summary>Packs the contracts, builds <c>samples/plugins</c> against the packages, and uses what comes out.</summary>
public sealed class SamplePluginTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-").FullName;

    [Fact]
    public async Task Plugins_built_against_the_packages_alone_play_together()
    {
        await BuildAsync();

        Assert.Equal(["SecondChance", "UnitConverter"], Directory.EnumerateDirectories(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateFiles(_folder, "AgentRollout.*.dll", SearchOption.AllDirectories));
        await PlayFromTheCommandLineAsync();
        await ListAndCallAsync();
    }

    private async Task PlayFromTheCommandLineAsync()
    {
        string output = Path.Combine(_folder, "..", Path.GetFileName(_folder) + ".jsonl");

        CommandResult rollout = await CommandLineRunner.RunAsync(
            "rollout", "--environment", "second_chance", "--plugins", _folder, "--count", "4", "--samples", "2", "--temperature", "0", "--out", output);
        CommandResult audit = await CommandLineRunner.RunAsync("audit", output, "--model", ModelFolder.Find(null));

        Assert.Equal((ExitCodes.Success, ""), (rollout.ExitCode, rollout.Error));
        Assert.Equal((ExitCodes.Success, "8 checked, all hold."), (audit.ExitCode, audit.Lines[^1]));
        JsonElement[] trajectories = [.. File.ReadLines(output).Select(line => JsonElement.Parse(line))];
        Assert.All(trajectories, trajectory => Assert.NotEqual("failed", trajectory.GetProperty("status").GetString()));
        Assert.Contains(trajectories, trajectory => trajectory.GetProperty("reward_components").TryGetProperty("closeness", out _));
    }

    private async Task ListAndCallAsync()
    {
        PluginSet plugins = PluginSet.Load(_folder, NullLoggerFactory.Instance);
        await using LoadedModel model = await LoadedModel.LoadAsync(ModelFolder.Find(null), new EngineOptions(), NullLoggerFactory.Instance);
        await using TestGateway gateway = await TestGateway.StartAsync(
            model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex(), plugins: plugins));

        Assert.Equal("plugin 'SecondChance'", await SourceAsync(gateway, "/v1/environments", "second_chance"));
        Assert.Equal("built-in environments", await SourceAsync(gateway, "/v1/environments", "lookup"));
        Assert.Equal("plugin 'UnitConverter'", await SourceAsync(gateway, "/v1/tools", "convert_length"));
        IToolDispatcher tools = gateway.Services.GetRequiredService<IToolDispatcher>();
        Assert.Equal((null, "6.214"), await CallAsync(tools, """{"value": 10000, "from": "metre", "to": "mile"}"""));
        (ToolFailure? failure, string text) = await CallAsync(tools, """{"value": 1, "from": "metre", "to": "parsec"}""");
        Assert.Equal(ToolFailure.InvalidArguments, failure);
        Assert.Contains("nautical_mile", text, StringComparison.Ordinal);

        string id = await gateway.AcceptAsync(
            """{"environment": "lookup", "tasks": [{"id": "t", "data": {"question": "What is 2 + 3?", "answer": "5", "reward": "closeness"}}]}""");
        JsonElement ended = await gateway.WaitForAsync(id, "completed");
        Assert.Equal(0, ended.GetProperty("trajectories").GetProperty("failed").GetInt32());
    }

    private static async Task<string?> SourceAsync(TestGateway gateway, string path, string name) =>
        (await gateway.GetAsync(path)).EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name).GetProperty("source").GetString();

    private static async Task<(ToolFailure? Failure, string Text)> CallAsync(IToolDispatcher tools, string arguments)
    {
        ToolResult result = await tools.DispatchAsync(
            new ToolInvocation(arguments, "t", "convert_length", JsonElement.Parse(arguments)), TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        return (result.Failure, result.Text);
    }

    private async Task BuildAsync()
    {
        ProcessStartInfo start = new("bash", [SharedFiles.InRepository("samples", "plugins", "build.sh"), _folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process build = Process.Start(start)!;
        string[] texts = await Task.WhenAll(build.StandardOutput.ReadToEndAsync(), build.StandardError.ReadToEndAsync());
        await build.WaitForExitAsync();
        Assert.True(build.ExitCode == 0, string.Concat(texts));
    }
}
