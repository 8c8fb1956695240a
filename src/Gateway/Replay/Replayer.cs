using AgentRollout.Environments;
using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Rewards;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;

namespace AgentRollout.Gateway.Replay;

/// <summary>Replays one trajectory in the mode that is asked for, with the model, tools and environments of this process.</summary>
internal sealed class Replayer(
    Policy policy, ToolCatalog tools, IToolDispatcher dispatcher, EnvironmentCatalog environments, TimeProvider time, ModelReward? reward = null)
{
    /// <summary>Refuses what cannot be done here before anybody waits for it.</summary>
    /// <exception cref="InvalidInputException">The mode needs the embedded engine, and another serves.</exception>
    public void Check(ReplayRequest request)
    {
        if (request.Mode == ReplayMode.Verify && policy.Engine is not LocalEngine)
        {
            throw new InvalidInputException(
                ProblemCodes.NotSupported, $"Engine '{policy.Engine.Name}' cannot be verified to the bit; only the embedded engine can.");
        }
    }

    public async Task<ReplayResult> ReplayAsync(
        Trajectory trajectory, ReplayRequest request, IProgress<ReplayProgress>? progress, CancellationToken cancellationToken)
    {
        Check(request);
        return request.Mode switch
        {
            ReplayMode.Show => new ReplayResult { Turns = TrajectoryTurn.Read(trajectory, request.FromTurn) },
            ReplayMode.Verify => new ReplayResult
            {
                Verify = await new ModelVerifier((LocalEngine)policy.Engine, policy.Name, policy.Format).VerifyAsync(trajectory, progress, cancellationToken),
            },
            ReplayMode.Tools => new ReplayResult
            {
                Tools = await new ToolReplayer(tools, dispatcher, time).ReplayAsync(
                    trajectory, TimeSpan.FromSeconds(request.ToolTimeoutSeconds), progress, cancellationToken),
            },
            _ => new ReplayResult { Rescore = await new Rescorer(environments, reward).RescoreAsync(trajectory, cancellationToken) },
        };
    }
}
