using AgentRollout.Environments.Plugins;

namespace AgentRollout.Environments.Rewards;

/// <summary>The rewards that tasks may name; does not change after start.</summary>
public sealed class RewardCatalog
{
    /// <summary>The owner of rewards that are part of the program.</summary>
    public const string BuiltInOwner = "built-in rewards";

    private readonly OrderedDictionary<string, (IReward Reward, string Owner)> _rewards = [];

    /// <param name="plugins">Whose rewards are added to the built-in ones.</param>
    /// <exception cref="EnvironmentException">A name is taken twice; the message names both owners.</exception>
    public RewardCatalog(params IEnumerable<PluginBuilder> plugins)
    {
        Add(new ExactMatchReward(), BuiltInOwner);
        Add(new TokenF1Reward(), BuiltInOwner);
        foreach (PluginBuilder plugin in plugins)
        {
            foreach (IReward reward in plugin.Rewards)
                Add(reward, plugin.Owner);
        }
    }

    /// <summary>Those that are part of the program.</summary>
    public static RewardCatalog BuiltIn { get; } = new();

    /// <summary>The names, built-in ones first.</summary>
    public IReadOnlyList<string> Names => _rewards.Keys;

    /// <summary>What a task gets that names none: <see cref="ExactMatchReward"/>.</summary>
    public IReward Default => _rewards.GetAt(0).Value.Reward;

    /// <summary>The reward of a name, or null.</summary>
    public IReward? Find(string name) => _rewards.TryGetValue(name, out (IReward Reward, string) found) ? found.Reward : null;

    private void Add(IReward reward, string owner)
    {
        if (!_rewards.TryAdd(reward.Name, (reward, owner)))
            throw new EnvironmentException($"Reward '{reward.Name}' is registered twice: by {_rewards[reward.Name].Owner} and by {owner}.");
    }
}
