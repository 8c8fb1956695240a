using AgentRollout.Environments.Plugins;

namespace SecondChance;

/// <summary>A plugin with an environment and its reward.</summary>
public sealed class SecondChancePlugin : Plugin
{
    public override void Register(PluginBuilder builder) => builder
        .AddEnvironment(SecondChanceEnvironment.Definition)
        .AddReward(new ClosenessReward());
}
