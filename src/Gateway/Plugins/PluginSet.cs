using AgentRollout.Environments.Plugins;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tools;

namespace AgentRollout.Gateway.Plugins;

/// <summary>The plugins of this process, as they registered.</summary>
internal sealed class PluginSet
{
    private PluginSet(IReadOnlyList<PluginBuilder> plugins)
    {
        All = plugins;
        ToolCallFormats = [.. plugins.SelectMany(plugin => plugin.ToolCallFormats)];
    }

    public static PluginSet None { get; } = new([]);

    /// <summary>By name.</summary>
    public IReadOnlyList<PluginBuilder> All { get; }

    public IReadOnlyList<ToolCallFormat> ToolCallFormats { get; }

    /// <summary>Loads every folder of a folder; null for none. Names that begin with a dot are left out.</summary>
    /// <exception cref="PluginException">A plugin cannot be used.</exception>
    public static PluginSet Load(string? folder, ILoggerFactory loggers)
    {
        if (folder is null)
            return None;
        PluginBuilder[] plugins =
        [
            .. Directory.EnumerateDirectories(folder)
                .Where(path => !Path.GetFileName(path).StartsWith('.'))
                .Order(StringComparer.Ordinal)
                .Select(path => PluginLoader.Load(path, loggers)),
        ];
        CheckFormats(plugins);
        ILogger logger = loggers.CreateLogger<PluginSet>();
        foreach (PluginBuilder plugin in plugins)
            Log.PluginLoaded(logger, plugin.Name, plugin.Tools.Count, plugin.Environments.Count, plugin.Rewards.Count, plugin.ToolCallFormats.Count);
        return new PluginSet(plugins);
    }

    /// <summary>Adds the tools, each plugin's as a source.</summary>
    public void AddTools(IServiceCollection services)
    {
        foreach (PluginBuilder plugin in All.Where(plugin => plugin.Tools is not []))
        {
            services.AddSingleton(new ToolSource(plugin.Owner, plugin.Tools));
            foreach (ITrajectoryEnd tool in plugin.Tools.OfType<ITrajectoryEnd>())
                services.AddSingleton(tool);
        }
    }

    private static void CheckFormats(PluginBuilder[] plugins)
    {
        Dictionary<string, string> owners = ToolCallParsers.Names.ToDictionary(name => name, _ => "built-in parsers");
        foreach (PluginBuilder plugin in plugins)
        {
            foreach (ToolCallFormat format in plugin.ToolCallFormats)
            {
                if (!owners.TryAdd(format.Name, plugin.Owner))
                    throw new PluginException($"Tool-call parser '{format.Name}' is registered twice: by {owners[format.Name]} and by {plugin.Owner}.");
            }
        }
    }
}
