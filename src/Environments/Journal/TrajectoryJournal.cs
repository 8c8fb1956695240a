namespace AgentRollout.Environments.Journal;

/// <summary>
/// Keeps what happens to the trajectories of a rollout, each event before it is acted on, so that a trajectory goes on where its journal ends.
/// Safe to call concurrently.
/// </summary>
public abstract class TrajectoryJournal
{
    /// <summary>Keeps nothing: a trajectory that is cut is lost.</summary>
    public static TrajectoryJournal None { get; } = new Nothing();

    /// <summary>Writes events that belong together, all or none, and returns once they are kept.</summary>
    /// <param name="trajectoryId">The trajectory.</param>
    /// <param name="events">At least one.</param>
    /// <exception cref="JournalException">They cannot be kept, so that what they are about must not happen.</exception>
    public abstract ValueTask AppendAsync(string trajectoryId, IReadOnlyList<JournalEvent> events);

    /// <summary>What is kept of a trajectory, in order; empty where it has not begun.</summary>
    /// <exception cref="JournalException">It cannot be read.</exception>
    public abstract ValueTask<IReadOnlyList<JournalEntry>> ReadAsync(string trajectoryId, CancellationToken cancellationToken);

    private sealed class Nothing : TrajectoryJournal
    {
        public override ValueTask AppendAsync(string trajectoryId, IReadOnlyList<JournalEvent> events) => ValueTask.CompletedTask;

        public override ValueTask<IReadOnlyList<JournalEntry>> ReadAsync(string trajectoryId, CancellationToken cancellationToken) => new([]);
    }
}
