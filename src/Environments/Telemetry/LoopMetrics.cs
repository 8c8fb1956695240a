using System.Diagnostics;
using System.Diagnostics.Metrics;
using AgentRollout.Environments.Capture;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Telemetry;

/// <summary>
/// The measurements of the loop, under the meter <see cref="MeterName"/>: names, units and buckets of OpenTelemetry's conventions for generative AI where
/// they have one (docs/observability.md). Costs nothing while nobody listens.
/// </summary>
internal static class LoopMetrics
{
    public const string MeterName = "AgentRollout.Environments";

    private static readonly Meter Meter = new(MeterName);
    private static readonly double[] OperationSeconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    private static readonly double[] Counts = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256];

    private static readonly Histogram<double> OperationDuration = Histogram(
        "gen_ai.client.operation.duration", "s", "Time of one assistant turn at the engine, queueing included.", OperationSeconds);

    private static readonly Histogram<double> TokenUsage = Histogram(
        "gen_ai.client.token.usage", "{token}", "Tokens that a turn continues, and tokens that it samples.",
        [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864]);

    private static readonly Histogram<double> TimeToFirstToken = Histogram(
        "gen_ai.server.time_to_first_token", "s", "Time until the first token of a turn, queueing included.",
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);

    private static readonly Histogram<double> TimePerOutputToken = Histogram(
        "gen_ai.server.time_per_output_token", "s", "Mean time between two tokens of a turn.",
        [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]);

    private static readonly Histogram<double> ToolDuration = Histogram(
        "gen_ai.execute_tool.duration", "s", "Time from the sending of a tool call until its result, queueing included.", OperationSeconds);

    private static readonly Histogram<double> AgentDuration = Histogram(
        "gen_ai.invoke_agent.duration", "s", "Time of a trajectory from its first step to its end.",
        [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500]);

    private static readonly Histogram<double> AgentTurns = Histogram(
        "gen_ai.invoke_agent.inference_calls", "{call}", "Assistant turns of a trajectory.", Counts);

    private static readonly Histogram<double> AgentToolCalls = Histogram(
        "gen_ai.invoke_agent.tool_calls", "{call}", "Attempted tool calls of a trajectory.", Counts);

    private static readonly Histogram<double> Reward = Histogram(
        "agentrollout.trajectory.reward", null, "Rewards of the trajectories that have one.",
        [-1, -0.5, -0.25, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 5]);

    private static readonly Counter<double> StageTime = Meter.CreateCounter<double>(
        "agentrollout.trajectory.stage.time", "s", "Time of ended trajectories by stage; concurrent ones add up.");

    private static readonly Counter<long> CapturedCalls = Meter.CreateCounter<long>(
        "agentrollout.capture.calls", "{call}", "Calls of agents outside by how they went on with what was recorded.");

    /// <summary>Records a turn that the engine ended or gave up.</summary>
    /// <param name="policy">What sampled it.</param>
    /// <param name="inputTokens">Tokens that it continues.</param>
    /// <param name="outputTokens">Tokens that it sampled.</param>
    /// <param name="timings">Null where the engine does not say.</param>
    /// <param name="wall">From the request to the last chunk.</param>
    /// <param name="errorType">Why it gave up; null where it did not.</param>
    public static void RecordTurn(Policy policy, int inputTokens, int outputTokens, GenerationTimings? timings, TimeSpan wall, string? errorType)
    {
        if (!OperationDuration.Enabled && !TokenUsage.Enabled && !TimeToFirstToken.Enabled && !TimePerOutputToken.Enabled)
            return;
        TagList tags = TagsOf(policy);
        if (timings is not null && errorType is null)
        {
            TimeToFirstToken.Record((timings.Queue + timings.Prefill).TotalSeconds, tags);
            if (outputTokens > 1)
                TimePerOutputToken.Record(timings.Decode.TotalSeconds / (outputTokens - 1), tags);
        }

        TokenUsage.Record(inputTokens, TagsOf(policy, (GenAi.TokenType, GenAi.Input)));
        TokenUsage.Record(outputTokens, TagsOf(policy, (GenAi.TokenType, GenAi.Output)));
        if (errorType is not null)
            tags.Add(GenAi.ErrorType, errorType);
        OperationDuration.Record(wall.TotalSeconds, tags);
    }

    /// <summary>Records a tool call that has its result.</summary>
    /// <param name="tool">The tool's name; null for one that is not offered, because what a model invents must not become a label of its own.</param>
    /// <param name="failure">Why it has no answer of its tool.</param>
    /// <param name="wall">From its sending.</param>
    public static void RecordToolCall(string? tool, ToolFailure? failure, TimeSpan wall)
    {
        if (!ToolDuration.Enabled)
            return;
        TagList tags = new() { { GenAi.OperationName, GenAi.ExecuteTool }, { GenAi.ToolName, tool ?? GenAi.UnknownTool } };
        if (failure is { } why)
            tags.Add(GenAi.ErrorType, GenAi.NameOf(why));
        ToolDuration.Record(wall.TotalSeconds, tags);
    }

    /// <summary>Records a call of an agent outside.</summary>
    public static void RecordCapturedCall(PromptedCall call)
    {
        (CaptureOutcome outcome, IReadOnlyList<string> reasons) = CaptureDrift.OutcomeOf(call);
        CapturedCalls.Add(1, new(GenAi.Outcome, GenAi.NameOf(outcome)), new(GenAi.Reason, string.Join('+', reasons)));
    }

    /// <summary>Records an ended trajectory.</summary>
    public static void RecordTrajectory(Trajectory trajectory)
    {
        TagList agent = new() { { GenAi.OperationName, GenAi.InvokeAgent }, { GenAi.AgentName, trajectory.Task.Environment } };
        AgentTurns.Record(trajectory.Turns, agent);
        AgentToolCalls.Record(trajectory.ToolCalls.Count, agent);
        if (trajectory.Reward is { } reward)
            Reward.Record(reward, agent);
        if (StageTime.Enabled)
        {
            foreach ((string stage, double milliseconds) in StagesOf(trajectory.Timings))
                StageTime.Add(milliseconds / 1_000, new(GenAi.AgentName, trajectory.Task.Environment), new(GenAi.Stage, stage));
        }

        if (trajectory.Failure is { } failure)
            agent.Add(GenAi.ErrorType, GenAi.NameOf(failure.Boundary));
        agent.Add(GenAi.StopReason, GenAi.NameOf(trajectory.StopReason));
        AgentDuration.Record(trajectory.Timings.TotalMs / 1_000, agent);
    }

    /// <summary>What no stage explains is the environment's beginning, the journal and the loop itself.</summary>
    private static (string Stage, double Milliseconds)[] StagesOf(TrajectoryTimings time)
    {
        double known = time.QueueMs + time.PrefillMs + time.DecodeMs + time.TokenizeMs + time.ToolMs + time.RewardMs;
        return
        [
            ("queue", time.QueueMs), ("prefill", time.PrefillMs), ("decode", time.DecodeMs), ("tokenize", time.TokenizeMs),
            ("tool", time.ToolMs), ("reward", time.RewardMs), ("other", Math.Max(0, time.TotalMs - known)),
        ];
    }

    private static TagList TagsOf(Policy policy) => new()
    {
        { GenAi.OperationName, GenAi.Chat },
        { GenAi.ProviderName, policy.Engine.Name },
        { GenAi.RequestModel, policy.Name },
    };

    private static TagList TagsOf(Policy policy, (string Name, string Value) more)
    {
        TagList tags = TagsOf(policy);
        tags.Add(more.Name, more.Value);
        return tags;
    }

    private static Histogram<double> Histogram(string name, string? unit, string description, double[] bounds) =>
        Meter.CreateHistogram(name, unit, description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
