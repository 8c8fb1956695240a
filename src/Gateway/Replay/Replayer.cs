using AgentRollout.Environments;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;

namespace AgentRollout.Gateway.Replay;

/// <summary>Replays one trajectory in the mode that is asked for, with the model, tools and environments of this process.</summary>
internal sealed class Replayer(
    Policy policy,
    ToolCatalog tools,
    IToolDispatcher dispatcher,
    EnvironmentCatalog environments,
    TrajectoryRunner runner,
    ForkPlanner forks,
    TimeProvider time,
    ModelReward? reward = null)
{
    private static readonly TimeSpan ToolTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Refuses what cannot be done here before anybody waits for it.</summary>
    /// <exception cref="InvalidInputException">The mode needs an engine that scores given tokens, and another serves; or it does not sample anew, and is told how to.</exception>
    /// <exception cref="ForkException">It cannot be sampled anew from that turn.</exception>
    public void Check(Trajectory trajectory, ReplayRequest request)
    {
        if (request.Mode == ReplayMode.Verify && policy.Engine is not ITokenScorer)
        {
            throw new InvalidInputException(
                ProblemCodes.NotSupported, $"Engine '{policy.Engine.Name}' does not tell the log-probabilities of given tokens, so that nothing can be verified with it.");
        }

        if (request.Mode is ReplayMode.Model or ReplayMode.Full)
        {
            TrajectoryFork.CheckModel(trajectory, policy, needsModel: false);
            TrajectoryFork.CheckTurn(trajectory, Math.Max(1, request.FromTurn));
        }
        else if (request.Samples != 1 || request.Seed is not null)
        {
            throw new InvalidInputException(
                ProblemCodes.InvalidValue, $"Members 'samples' and 'seed' are given with mode '{StatusText.Of(request.Mode)}'; they go with the modes full and model.");
        }
    }

    public async Task<ReplayResult> ReplayAsync(
        Trajectory trajectory, ReplayRequest request, IProgress<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        Check(trajectory, request);
        return request.Mode switch
        {
            ReplayMode.Show => new ReplayResult { Turns = TrajectoryTurn.Read(trajectory, request.FromTurn) },
            ReplayMode.Verify => new ReplayResult
            {
                Verify = policy.Engine is LocalEngine local
                    ? await new ModelVerifier(local, policy.Name, policy.Format).VerifyAsync(trajectory, progress, cancellationToken)
                    : await new LogprobVerifier(policy.Engine.Name, (ITokenScorer)policy.Engine, policy.Format).VerifyAsync(trajectory, progress, cancellationToken),
            },
            ReplayMode.Tools => new ReplayResult
            {
                Tools = await new ToolReplayer(tools, dispatcher, time).ReplayAsync(trajectory, TimeoutOf(request) ?? ToolTimeout, progress, cancellationToken),
            },
            ReplayMode.Model or ReplayMode.Full => new ReplayResult { Resample = await ResampleAsync(trajectory, request, progress, cancellationToken) },
            _ => new ReplayResult { Rescore = await new Rescorer(environments, reward).RescoreAsync(trajectory, cancellationToken) },
        };
    }

    private async Task<ResampleResult> ResampleAsync(
        Trajectory trajectory, ReplayRequest request, IProgress<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        RolloutLimits limits = forks.LimitsOf(trajectory);
        ResampleOptions options = new()
        {
            Point = new ForkPoint { Turn = Math.Max(1, request.FromTurn) },
            Samples = request.Samples,
            Seed = request.Seed ?? RolloutPlanner.DrawSeed(),
            Limits = limits with { ToolTimeout = TimeoutOf(request) ?? limits.ToolTimeout },
            History = forks.HistoryOf(trajectory),
            Recalls = request.Mode == ReplayMode.Model,
        };
        IReadOnlyList<Trajectory> samples = await new Resampler(runner, environments, time).PlayAsync(
            trajectory, await forks.ReadEventsAsync(trajectory, cancellationToken), options, progress, cancellationToken);
        return ResampleResult.Of(trajectory, options.Point, samples);
    }

    private static TimeSpan? TimeoutOf(ReplayRequest request) =>
        request.ToolTimeoutSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
}
