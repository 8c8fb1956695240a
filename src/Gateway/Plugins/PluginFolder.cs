namespace AgentRollout.Gateway.Plugins;

/// <summary>Finds the folder whose folders are the plugins.</summary>
internal static class PluginFolder
{
    private const string DefaultName = "plugins";

    /// <summary>The folder that was asked for; else <c>plugins</c> beside the configuration file, else beside the program; null where neither is there.</summary>
    /// <exception cref="PluginException">What was asked for does not exist.</exception>
    public static string? Find(string? asked, string? configuration)
    {
        if (asked is not null)
            return Directory.Exists(asked) ? asked : throw new PluginException($"Plugin folder '{asked}' does not exist.");
        string[] parents = configuration is null
            ? [AppContext.BaseDirectory]
            : [Path.GetDirectoryName(Path.GetFullPath(configuration))!, AppContext.BaseDirectory];
        return parents.Select(parent => Path.Combine(parent, DefaultName)).FirstOrDefault(Directory.Exists);
    }
}
