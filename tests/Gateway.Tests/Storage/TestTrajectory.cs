using System.Text.Json;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Gateway.Tests.Storage;

/// <summary>Small trajectories for the stores.</summary>
internal static class TestTrajectory
{
    public static Trajectory Create(string rolloutId, int index, double? reward = 1, StopReason reason = StopReason.EnvironmentDone)
    {
        TrajectorySequence sequence = new()
        {
            TokenIds = [1, 2, 3],
            LossMask = [0, 1, 1],
            Logprobs = [null, -0.5f, -0.25f],
            SamplingLogprobs = null,
            StartedBecause = null,
            Segments = [new TokenSegment(0, 1, SegmentSource.Prompt, 0), new TokenSegment(1, 3, SegmentSource.Sampled, 1, 0, "stop")],
        };
        Dictionary<string, double> components = reward is { } value ? new() { ["r"] = value } : [];
        return new Trajectory
        {
            Id = $"{rolloutId}-0-{index}",
            RolloutId = rolloutId,
            GroupId = $"{rolloutId}-0",
            SampleIndex = index,
            Task = new TrajectoryTask("t", "e", JsonElement.Parse("""{"question":"é"}""")),
            Model = new TrajectoryModel("m", "sha256:0", "sha256:1"),
            Seed = 5,
            Sampling = SamplingParams.Default,
            Tools = [],
            Status = reason.ToStatus(),
            StopReason = reason,
            Reward = reward,
            RewardComponents = components,
            Sequences = [sequence],
            Messages = [],
            ToolCalls = [],
            Timings = new TrajectoryTimings(1, 2, 3, 4, 5, 6, 7),
            Failure = null,
            Digest = TrajectoryDigest.Compute([sequence], reward, components),
            Audit = new TrajectoryAudit(true, true, TrajectoryAudit.Consistent, null),
        };
    }
}
