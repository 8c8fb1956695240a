using System.Collections.Frozen;
using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;

namespace AgentRollout.Environments.Replay;

/// <summary>
/// Makes every tool call of a trajectory again, turn by turn and those of a turn at once, and compares the results. The calls belong to a
/// trajectory of their own, so that they get fresh sandboxes and no answer from memory. Safe to use concurrently.
/// </summary>
public sealed class ToolReplayer(ToolCatalog tools, IToolDispatcher dispatcher, TimeProvider time)
{
    /// <summary>Wide enough that a result is whole; what is compared is cut where the recorded one was.</summary>
    private static readonly ResultLimit Whole = new(ResultLimits.MaxCharacterLimit, Truncation.Middle);

    /// <param name="trajectory">Whose calls are made again.</param>
    /// <param name="timeout">Wall-clock limit of one call.</param>
    /// <param name="progress">Told after every turn.</param>
    /// <param name="cancellationToken">Cancels the running calls; their sandboxes go in any case.</param>
    public async Task<ToolReplayResult> ReplayAsync(
        Trajectory trajectory, TimeSpan timeout, IProgress<ReplayProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        long started = Stopwatch.GetTimestamp();
        string replayId = $"replay-{Guid.CreateVersion7(time.GetUtcNow()):N}";
        using PinnedTools pinned = tools.Pin(replayId);
        List<ReplayedCall> calls = [];
        try
        {
            IReadOnlyDictionary<string, JsonElement> taskArguments = ReadTaskArguments(trajectory, pinned.Tools);
            foreach (IGrouping<int, TrajectoryToolCall> turn in trajectory.ToolCalls.GroupBy(call => call.Turn))
            {
                calls.AddRange(await Task.WhenAll(turn.Select(call => CallAsync(call, replayId, taskArguments, timeout, cancellationToken))));
                progress?.Report(new ReplayProgress(calls.Count, trajectory.ToolCalls.Count));
            }
        }
        finally
        {
            await dispatcher.EndTrajectoryAsync(replayId);
        }

        return new ToolReplayResult
        {
            TrajectoryId = trajectory.Id,
            Calls = calls,
            Same = calls.Count(call => call.Outcome == CallOutcome.Same),
            Differing = calls.Count(call => call.Outcome == CallOutcome.Differs),
            FirstDivergence = calls.Find(call => call.Outcome == CallOutcome.Differs)?.Id,
            Milliseconds = Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 3),
        };
    }

    /// <summary>What the task tells its tools, where these are all here; else nothing, and the calls of those that are missing say so.</summary>
    private static IReadOnlyDictionary<string, JsonElement> ReadTaskArguments(Trajectory trajectory, ToolSnapshot pinned)
    {
        string[] names = [.. trajectory.Tools.Select(tool => tool.Name)];
        return names.All(name => pinned.All.Any(tool => tool.Tool.Spec.Name == name))
            ? TaskToolArguments.Read(new RolloutTask(trajectory.Task.Id, trajectory.Task.Data), [.. names.Select(pinned.Get)])
            : FrozenDictionary<string, JsonElement>.Empty;
    }

    private async Task<ReplayedCall> CallAsync(
        TrajectoryToolCall call, string replayId, IReadOnlyDictionary<string, JsonElement> taskArguments, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (!WasDispatched(call))
            return Describe(call, CallOutcome.NotRun);
        ToolInvocation invocation = new($"{replayId}/{call.Id}", replayId, call.Name!, call.Arguments!.Value)
        {
            TaskArguments = taskArguments.TryGetValue(call.Name!, out JsonElement given) ? given : null,
            ResultLimit = Whole,
        };
        ToolResult result = await dispatcher.DispatchAsync(invocation, timeout, cancellationToken);
        string replayed = RecordedResult.ShowAlike(call, result.Text);
        ReplayedCall answered = Describe(call, CallOutcome.Same) with
        {
            Replayed = replayed,
            ReplayedMs = Math.Round(result.Run.TotalMilliseconds, 3),
            Sandbox = result.Sandbox,
        };
        return replayed == call.Result
            ? answered
            : answered with
            {
                Outcome = CallOutcome.Differs,
                FirstDifference = call.Result.AsSpan().CommonPrefixLength(replayed),
                Diff = LineDiff.Compute(call.Result!, replayed),
            };
    }

    /// <summary>Whether the call went out to a tool, or would have but for its arguments.</summary>
    private static bool WasDispatched(TrajectoryToolCall call) =>
        call is { Name: not null, Arguments: not null, Result: not null }
        && (call.Parse == ToolCallStatus.InvalidArguments || (call.Parse == ToolCallStatus.Ok && call.Attempts > 0));

    private static ReplayedCall Describe(TrajectoryToolCall call, CallOutcome outcome) => new()
    {
        Id = call.Id,
        Turn = call.Turn,
        Name = call.Name,
        Outcome = outcome,
        Recorded = call.Result,
        RecordedMs = call.RunMs,
    };
}
