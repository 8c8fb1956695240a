using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments;

/// <summary>An environment's answer to a turn: either messages that continue the episode, or its end with rewards.</summary>
public sealed record StepResult
{
    private StepResult(IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, double>? rewards)
    {
        Messages = messages;
        Rewards = rewards;
    }

    /// <summary>Messages that the model reads next; empty at the end.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; }

    /// <summary>Reward components by name at the end of the episode, else null. The reward is their sum.</summary>
    public IReadOnlyDictionary<string, double>? Rewards { get; }

    /// <summary>True where the episode is over.</summary>
    public bool IsFinal => Rewards is not null;

    public static StepResult Continue(params IReadOnlyList<ChatMessage> messages) => new(messages, null);

    public static StepResult End(string component, double reward) =>
        End(new Dictionary<string, double>(StringComparer.Ordinal) { [component] = reward });

    /// <exception cref="ArgumentException">A reward, or their sum, is not a finite number.</exception>
    public static StepResult End(IReadOnlyDictionary<string, double> rewards)
    {
        foreach ((string component, double reward) in rewards)
        {
            if (!double.IsFinite(reward))
                throw new ArgumentException($"Reward '{component}' is {reward}; it must be a finite number.", nameof(rewards));
        }

        return double.IsFinite(rewards.Values.Sum())
            ? new([], rewards)
            : throw new ArgumentException("The rewards add up to more than a finite number.", nameof(rewards));
    }
}
