using AgentRollout.Environments.Rewards;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tools;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Environments.Plugins;

/// <summary>What one plugin registers. Names are compared with those of everybody else after all plugins have registered.</summary>
/// <param name="name">The plugin's name: that of its folder.</param>
/// <param name="folder">Where the plugin's files lie.</param>
/// <param name="loggers">Make its loggers.</param>
public sealed class PluginBuilder(string name, string folder, ILoggerFactory loggers)
{
    private readonly List<ITool> _tools = [];
    private readonly List<EnvironmentDefinition> _environments = [];
    private readonly List<IReward> _rewards = [];
    private readonly List<ToolCallFormat> _toolCallFormats = [];

    /// <summary>The plugin's name: that of its folder.</summary>
    public string Name => name;

    /// <summary>Where the plugin's files lie, data and settings of its own among them.</summary>
    public string Folder => folder;

    /// <summary>Make loggers that write where the program's do.</summary>
    public ILoggerFactory Loggers => loggers;

    /// <summary>The plugin as errors and listings call it.</summary>
    public string Owner => $"plugin '{name}'";

    public IReadOnlyList<ITool> Tools => _tools;

    public IReadOnlyList<EnvironmentDefinition> Environments => _environments;

    public IReadOnlyList<IReward> Rewards => _rewards;

    public IReadOnlyList<ToolCallFormat> ToolCallFormats => _toolCallFormats;

    /// <summary>Adds a tool. One that is an <see cref="ITrajectoryEnd"/> too hears when trajectories end.</summary>
    public PluginBuilder AddTool(ITool tool)
    {
        ArgumentNullException.ThrowIfNull(tool);
        _tools.Add(tool);
        return this;
    }

    /// <summary>Adds a method with <c>[Description]</c> as a tool.</summary>
    /// <inheritdoc cref="DelegateTool(Delegate, string?, bool)"/>
    public PluginBuilder AddTool(Delegate method, string? name = null) => AddTool(new DelegateTool(method, name));

    /// <summary>Adds an environment. It may offer tools of the program and of any plugin.</summary>
    public PluginBuilder AddEnvironment(EnvironmentDefinition environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        _environments.Add(environment with { Owner = Owner });
        return this;
    }

    /// <summary>Adds a reward that tasks of the built-in environments may name as their <c>reward</c>.</summary>
    public PluginBuilder AddReward(IReward reward)
    {
        ArgumentNullException.ThrowIfNull(reward);
        _rewards.Add(reward);
        return this;
    }

    /// <summary>Adds a form of tool calls: found by what the template writes where no built-in one reads it, or by the setting <c>tool_call_parser</c>.</summary>
    public PluginBuilder AddToolCallFormat(ToolCallFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        _toolCallFormats.Add(format);
        return this;
    }
}
