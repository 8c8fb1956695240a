using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Replay;

/// <summary>
/// Runs the reward functions of a finished trajectory again: its environment, as it is now, is taken through the recorded turns to its end.
/// Scores of tools (<c>tool:NAME</c>) are kept as recorded, because only calling the tools again would tell them. Safe to use concurrently.
/// </summary>
/// <param name="environments">The environments by name.</param>
/// <param name="reward">A reward model; null where there is none, which keeps the recorded score of one.</param>
public sealed class Rescorer(EnvironmentCatalog environments, ModelReward? reward = null)
{
    private const string ToolPrefix = "tool:";

    /// <summary>Rescores one trajectory. What an environment does is a result, not an exception.</summary>
    public async Task<RescoreResult> RescoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        if (trajectory.Status != TrajectoryStatus.Completed)
            return Result(trajectory, RescoreOutcome.NotScored, $"It ended with {trajectory.StopReason}, not by its environment.");
        Dictionary<string, double> components;
        try
        {
            IReadOnlyDictionary<string, double> rewards = await ReplayAsync(trajectory, cancellationToken);
            components = new(rewards, StringComparer.Ordinal);
            await AddOthersAsync(components, trajectory, cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return Result(trajectory, RescoreOutcome.Failed, exception.Message);
        }

        double sum = components.Values.Sum();
        string[] changed = [.. components.Keys.Union(trajectory.RewardComponents.Keys).Where(name => !Same(name)).Order(StringComparer.Ordinal)];
        return Result(
            trajectory,
            changed is [] ? RescoreOutcome.Same : RescoreOutcome.Differs,
            changed is [] ? "Its rewards are the same." : $"Other now: {string.Join(", ", changed)}.") with { Reward = sum, Components = components };

        bool Same(string name) =>
            components.TryGetValue(name, out double now) && trajectory.RewardComponents.TryGetValue(name, out double then) && now.Equals(then);
    }

    /// <summary>What the environment scores after the recorded turns.</summary>
    private async Task<IReadOnlyDictionary<string, double>> ReplayAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        await using IEnvironment environment = environments.Get(trajectory.Task.Environment).Create(new RolloutTask(trajectory.Task.Id, trajectory.Task.Data));
        IReadOnlyList<ChatMessage> messages = trajectory.Messages;
        int position = Follow(messages, 0, await environment.BeginAsync(cancellationToken));
        for (int turn = 1; position < messages.Count; turn++)
        {
            ChatMessage said = messages[position++];
            if (trajectory.ToolCalls.Any(call => call.Turn == turn))
            {
                // Tools answered this turn, or a correction of calls that could not be read; the environment was not asked.
                while (position < messages.Count && messages[position].Role != "assistant")
                    position++;
                continue;
            }

            StepResult step = await environment.StepAsync(new AssistantTurn(turn, said), cancellationToken);
            if (step.Rewards is { } rewards)
            {
                return position == messages.Count
                    ? rewards
                    : throw new EnvironmentException($"The environment ends after turn {turn}, but {messages.Count - position} messages follow it.");
            }

            position = Follow(messages, position, step.Messages);
        }

        throw new EnvironmentException("The environment goes on where the recorded conversation ends.");
    }

    /// <summary>The position behind what the environment says, which must be what it said.</summary>
    private static int Follow(IReadOnlyList<ChatMessage> recorded, int position, IReadOnlyList<ChatMessage> said)
    {
        foreach (ChatMessage message in said)
        {
            if (position == recorded.Count || recorded[position].Role != message.Role || recorded[position].Content != message.Content)
                throw new EnvironmentException($"The environment says something else now where message {position} stands.");
            position++;
        }

        return position;
    }

    private async Task AddOthersAsync(Dictionary<string, double> components, Trajectory trajectory, CancellationToken cancellationToken)
    {
        foreach ((string name, double value) in trajectory.RewardComponents)
        {
            if (name.StartsWith(ToolPrefix, StringComparison.Ordinal) || (reward is null && name == ModelReward.Component))
                components[name] = value;
        }

        if (reward is not null)
            components[ModelReward.Component] = await reward.ScoreAsync(trajectory.Id, trajectory.Messages, trajectory.Tools, cancellationToken);
    }

    private static RescoreResult Result(Trajectory trajectory, RescoreOutcome outcome, string detail) => new()
    {
        TrajectoryId = trajectory.Id,
        Outcome = outcome,
        Detail = detail,
        RecordedReward = trajectory.Reward,
        RecordedComponents = trajectory.RewardComponents,
    };
}
