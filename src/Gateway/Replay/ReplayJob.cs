using AgentRollout.Environments.Replay;
using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Gateway.Replay;

/// <summary>One replay of a server: what is asked for, and how far it is. Thread-safe.</summary>
internal sealed class ReplayJob(string id, Trajectory trajectory, ReplayRequest request, DateTimeOffset createdAt) : IProgress<ReplayProgress>
{
    private readonly Lock _lock = new();
    private ReplayResponse _response = new()
    {
        Id = id,
        TrajectoryId = trajectory.Id,
        Mode = request.Mode,
        State = ReplayState.Queued,
        Done = 0,
        Total = 0,
        CreatedAt = createdAt,
        EndedAt = null,
        Error = null,
        Result = null,
    };

    public string Id => id;

    public ReplayRequest Request => request;

    /// <summary>Ends the replay early. Never disposed: it has no timer, and a late cancellation must find it.</summary>
    public CancellationTokenSource Abort { get; } = new();

    /// <summary>How it stands; immutable.</summary>
    public ReplayResponse Response
    {
        get
        {
            lock (_lock)
                return _response;
        }
    }

    public bool IsOver => Response.EndedAt is not null;

    /// <summary>What is replayed; kept until the replay has ended.</summary>
    public Trajectory? Trajectory { get; private set; } = trajectory;

    /// <inheritdoc/>
    public void Report(ReplayProgress value) => Change(response => response with { Done = value.Done, Total = value.Total });

    public void Start() => Change(response => response with { State = ReplayState.Running });

    public void End(ReplayState state, DateTimeOffset endedAt, ReplayResult? result = null, string? error = null)
    {
        Trajectory = null;
        Change(response => response with { State = state, EndedAt = endedAt, Result = result, Error = error });
    }

    private void Change(Func<ReplayResponse, ReplayResponse> change)
    {
        lock (_lock)
            _response = change(_response);
    }
}
