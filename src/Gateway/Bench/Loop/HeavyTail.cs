using System.Globalization;
using AgentRollout.Tools;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>The same trajectories, engine and tool latencies through the loop as it is and in lock-step.</summary>
internal sealed class HeavyTail(LoopStage stage, HeavyTailLoad load)
{
    private readonly IReadOnlyList<TimeSpan> _latencies = load.Draw(load.Trajectories * LoopScript.Turns);

    public async Task<HeavyTailReport> CompareAsync(CancellationToken cancellationToken)
    {
        (LoopRun loop, double loopUse) = await PlayAsync(lockStep: null, cancellationToken);
        (LoopRun lockStep, double lockStepUse) = await PlayAsync(new LockStep(load.Concurrency), cancellationToken);
        return new HeavyTailReport(
            load.Concurrency, load.Trajectories, load.Scale,
            PerSecond(loop), PerSecond(lockStep), loopUse, lockStepUse, PerSecond(loop) / PerSecond(lockStep));
    }

    /// <returns>The run, and the tokens sampled as a share of what the engine would have sampled in that time with its batch always full.</returns>
    private async Task<(LoopRun Run, double Utilisation)> PlayAsync(LockStep? lockStep, CancellationToken cancellationToken)
    {
        using SimulatedBatch engine = new(TimeProvider.System, BatchTime.Qwen05Int8, load.Scale);
        stage.Tools.Work = async (call, stop) =>
        {
            await Task.Delay(LatencyOf(call), TimeProvider.System, stop);
            if (lockStep is not null)
                await lockStep.WaitForTurnAsync();
        };
        try
        {
            LoopRun run = await stage.PlayAsync(
                new LoopLoad
                {
                    Script = stage.WithTools,
                    Concurrency = load.Concurrency,
                    Trajectories = load.Trajectories,
                    Generate = engine.GenerateAsync,
                    Admit = lockStep is null ? null : lockStep.AdmitAsync,
                    Ended = lockStep is null ? null : lockStep.End,
                },
                cancellationToken);
            TimeSpan fullStep = BatchTime.Qwen05Int8.Of(load.Concurrency) / load.Scale;
            return (run, engine.Tokens / (run.Wall / fullStep * load.Concurrency));
        }
        finally
        {
            stage.Tools.Work = null;
        }
    }

    /// <summary>Trajectories are named <c>loop-TASK-0</c> and their calls <c>TRAJECTORY/cN</c>.</summary>
    private TimeSpan LatencyOf(ToolInvocation call)
    {
        int trajectory = int.Parse(call.TrajectoryId.Split('-')[1], CultureInfo.InvariantCulture);
        int turn = int.Parse(call.CallId.AsSpan(call.CallId.LastIndexOf('c') + 1), CultureInfo.InvariantCulture);
        return _latencies[trajectory * LoopScript.Turns + turn];
    }

    /// <summary>In the time that was scaled down.</summary>
    private double PerSecond(LoopRun run) => run.Trajectories / (run.Wall.TotalSeconds * load.Scale);
}
