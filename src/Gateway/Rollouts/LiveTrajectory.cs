using System.Text.Json.Serialization;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>A trajectory in play: its stage and what it sampled.</summary>
internal sealed class LiveTrajectory(string id, DateTimeOffset startedAt)
{
    private readonly Lock _lock = new();
    private TrajectoryStage _stage = new(1, WaitsFor.Engine, startedAt);
    private int _openCalls;

    public string Id => id;

    public TokenLog Tokens { get; } = new();

    /// <summary>Where it is now.</summary>
    public TrajectoryStage Stage
    {
        get
        {
            lock (_lock)
                return _stage;
        }
    }

    /// <summary>Takes what happened into account.</summary>
    public void Apply(RolloutEvent happened, DateTimeOffset now)
    {
        lock (_lock)
        {
            switch (happened)
            {
                case TokensSampled sampled when sampled.Turn != _stage.Turn || _stage.WaitsFor != WaitsFor.Engine:
                    _stage = new TrajectoryStage(sampled.Turn, WaitsFor.Engine, now);
                    break;
                case TurnFinished turn:
                    _openCalls = turn.ToolCalls;
                    _stage = new TrajectoryStage(turn.Turn, turn.ToolCalls > 0 ? WaitsFor.Tools : WaitsFor.Environment, now);
                    break;
                case ToolCallFinished call when --_openCalls == 0:
                    _stage = new TrajectoryStage(call.Turn + 1, WaitsFor.Engine, now);
                    break;
            }
        }
    }
}

/// <summary>Where a trajectory is.</summary>
/// <param name="Turn">The assistant turn, from 1.</param>
/// <param name="WaitsFor">What has to answer before it goes on.</param>
/// <param name="Since">When it began to wait.</param>
internal readonly record struct TrajectoryStage(int Turn, WaitsFor WaitsFor, DateTimeOffset Since);

/// <summary>What a trajectory in play waits for.</summary>
[JsonConverter(typeof(SnakeCaseEnum<WaitsFor>))]
internal enum WaitsFor
{
    /// <summary>The engine samples a turn, or has it in its queue.</summary>
    Engine,

    /// <summary>Tool calls of the turn are out.</summary>
    Tools,

    /// <summary>The environment judges a turn, or the finished trajectory is being stored.</summary>
    Environment,
}
