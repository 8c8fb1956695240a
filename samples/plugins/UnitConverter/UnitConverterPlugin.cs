using AgentRollout.Environments.Plugins;

namespace UnitConverter;

/// <summary>A plugin with one tool: a method.</summary>
public sealed class UnitConverterPlugin : Plugin
{
    public override void Register(PluginBuilder builder) => builder.AddTool(Lengths.ConvertLength);
}
