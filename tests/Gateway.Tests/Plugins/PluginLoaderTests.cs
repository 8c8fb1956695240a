using AgentRollout.Environments;
using AgentRollout.Environments.Plugins;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Gateway.Tests.Commands;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Plugins;

public sealed class PluginLoaderTests
{
    private static readonly ToolCallFormat Mine =
        new("mine", (tokenizer, ends, reasoning) => ToolCallParsers.Create("hermes", tokenizer, ends, reasoning));

    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-").FullName;

    [Fact]
    public void Two_plugins_use_their_own_versions_of_one_library()
    {
        EmittedPlugin.WriteWithLibrary(At("a"), "1.0.0.0", "of version 1");
        EmittedPlugin.WriteWithLibrary(At("b"), "2.0.0.0", "of version 2");

        PluginSet plugins = Load();

        Assert.Equal(["a", "b"], plugins.All.Select(plugin => plugin.Name));
        Assert.Equal(["of version 1", "of version 2"], plugins.All.Select(plugin => plugin.Rewards.Single().Name));
    }

    [Fact]
    public void A_plugin_without_an_entry_point_is_refused()
    {
        EmittedPlugin.Write(At("p"), entryPoints: 0);
        AssertRefused("Plugin 'p' has no entry point: 'p.Main' has no public class that derives from AgentRollout.Environments.Plugins.Plugin.");
    }

    [Fact]
    public void A_plugin_with_two_entry_points_is_refused_with_both()
    {
        EmittedPlugin.Write(At("p"), entryPoints: 2);
        AssertRefused("Plugin 'p' has 2 entry points, Entry1 and Entry2; it must have one.");
    }

    [Fact]
    public void A_plugin_for_other_contracts_is_refused_with_both_versions()
    {
        EmittedPlugin.WriteForContract(At("p"), "9.4.1.0");
        AssertRefused("Plugin 'p' was built against AgentRollout.Environments 9.4.1; this program has 0.1.0, which takes plugins of 0.1.");
    }

    [Fact]
    public void A_missing_dependency_is_named_with_its_version()
    {
        EmittedPlugin.WriteWithLibrary(At("p"), "3.1.0.0", "x", isComplete: false);
        AssertRefused("Plugin 'p' needs Emitted.Library 3.1.0.0, which is neither in its folder nor part of the program.");
    }

    [Fact]
    public void What_an_entry_point_throws_is_said()
    {
        EmittedPlugin.WriteThrowing(At("p"));
        AssertRefused("Plugin 'p' does not load: InvalidOperationException: no key in settings.json.");
    }

    [Fact]
    public void A_folder_without_a_published_assembly_is_refused()
    {
        Directory.CreateDirectory(At("p"));
        AssertRefused($"Plugin 'p' has no *.deps.json; put the output of 'dotnet publish' into '{At("p")}'.");
    }

    [Fact]
    public void A_file_that_is_no_assembly_is_refused()
    {
        EmittedPlugin.Write(At("p"));
        File.WriteAllText(Path.Combine(At("p"), "p.Main.dll"), "not an assembly");
        Assert.StartsWith("Plugin 'p' does not load: BadImageFormatException: ", Assert.Throws<PluginException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_that_begin_with_a_dot_are_no_plugins()
    {
        Directory.CreateDirectory(At(".git"));
        EmittedPlugin.Write(At("p"));
        Assert.Equal(["p"], Load().All.Select(plugin => plugin.Name));
    }

    [Fact]
    public void The_folder_beside_the_configuration_is_the_default()
    {
        string configuration = At("settings.json");
        string? before = PluginFolder.Find(asked: null, configuration);
        Directory.CreateDirectory(At("plugins"));

        Assert.NotEqual(At("plugins"), before);
        Assert.Equal(At("plugins"), PluginFolder.Find(asked: null, configuration));
        Assert.Equal(_folder, PluginFolder.Find(_folder, configuration));
        Assert.Equal("Plugin folder '/nowhere' does not exist.", Assert.Throws<PluginException>(() => PluginFolder.Find("/nowhere", configuration)).Message);
    }

    [Fact]
    public void Rewards_of_one_name_are_refused_with_both_owners()
    {
        Assert.Equal(
            "Reward 'close' is registered twice: by plugin 'a' and by plugin 'b'.",
            Assert.Throws<EnvironmentException>(() => new RewardCatalog(
                Builder("a").AddReward(new NamedReward("close")), Builder("b").AddReward(new NamedReward("close")))).Message);
        Assert.Equal(
            "Reward 'f1' is registered twice: by built-in rewards and by plugin 'a'.",
            Assert.Throws<EnvironmentException>(() => new RewardCatalog(Builder("a").AddReward(new NamedReward("f1")))).Message);
    }

    [Fact]
    public async Task A_command_ends_with_the_sentence_of_the_plugin_or_of_the_name()
    {
        EmittedPlugin.Write(At("a"), reward: "same");
        EmittedPlugin.Write(At("b"), reward: "same");

        CommandResult twice = await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--plugins", _folder);
        Directory.CreateDirectory(At("0"));
        CommandResult empty = await CommandLineRunner.RunAsync("rollout", "--environment", "arithmetic", "--plugins", _folder);

        Assert.Equal((ExitCodes.Usage, "Reward 'same' is registered twice: by plugin 'a' and by plugin 'b'."), (twice.ExitCode, twice.Error.Trim()));
        Assert.Equal(ExitCodes.Usage, empty.ExitCode);
        Assert.StartsWith("Plugin '0' has no *.deps.json", empty.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_form_of_tool_calls_is_known_by_its_name()
    {
        string model = ModelFolder.Find(null);
        ChatFormatOptions options = new() { ToolCallFormats = [Mine with { CreateParser = (tokenizer, ends, _) => new RenamedParser(Mine.CreateParser(tokenizer, ends, null)) }] };

        Assert.IsType<RenamedParser>(ChatFormat.Load(model, options with { ToolCallParser = "mine" }).ToolCallParser);
        Assert.IsNotType<RenamedParser>(ChatFormat.Load(model, options).ToolCallParser);
        Assert.EndsWith(
            ", mine.",
            Assert.Throws<TokenizerException>(() => ChatFormat.Load(model, options with { ToolCallParser = "yours" })).Message,
            StringComparison.Ordinal);
    }

    private static PluginBuilder Builder(string name) => new(name, name, NullLoggerFactory.Instance);

    private string At(string name) => Path.Combine(_folder, name);

    private PluginSet Load() => PluginSet.Load(_folder, NullLoggerFactory.Instance);

    private void AssertRefused(string message) => Assert.Equal(message, Assert.Throws<PluginException>(Load).Message);

    private sealed class RenamedParser(IToolCallParser inner) : IToolCallParser
    {
        public string Name => "mine";

        public TurnReader Begin(TurnContext? context = null) => inner.Begin(context);
    }
}
