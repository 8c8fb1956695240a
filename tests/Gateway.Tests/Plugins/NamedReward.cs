using AgentRollout.Environments.Rewards;

namespace AgentRollout.Gateway.Tests.Plugins;

/// <summary>What emitted plugins register.</summary>
public sealed class NamedReward(string name) : IReward
{
    public string Name => name;

    public double Score(string answer, string groundTruth) => 1;
}
