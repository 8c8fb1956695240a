namespace AgentRollout.Environments.Plugins;

/// <summary>
/// The entry point of a plugin: its assembly has exactly one public class that derives from this one and has a public constructor without
/// parameters. It is made once, when the program starts; what it throws stops the start.
/// </summary>
public abstract class Plugin
{
    /// <summary>Registers everything that the plugin offers.</summary>
    public abstract void Register(PluginBuilder builder);
}
