using System.Collections.Concurrent;
using System.Diagnostics;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>
/// What a turn takes beside the engine: from the end of its generation to the next request, or to the end of the trajectory, stored where there is a
/// store. Whatever comes before the first request counts for the first turn. The bus is in it, and so is a tool that does nothing.
/// </summary>
internal sealed class TurnOverhead
{
    private readonly ConcurrentDictionary<string, Trajectory> _playing = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly List<TimeSpan> _turns = [];

    /// <summary>Of all turns so far.</summary>
    public Percentiles Read()
    {
        lock (_lock)
            return Percentiles.Of(_turns);
    }

    public void TrajectoryBegun(string id) => _playing[id] = new Trajectory { Since = Stopwatch.GetTimestamp() };

    public void TurnAsked(string id)
    {
        Trajectory trajectory = _playing[id];
        TimeSpan gap = Stopwatch.GetElapsedTime(trajectory.Since);
        if (trajectory.Beginning is null)
            trajectory.Beginning = gap;
        else
            Add(trajectory, gap);
    }

    public void TurnAnswered(string id) => _playing[id].Since = Stopwatch.GetTimestamp();

    public void TrajectoryEnded(string id)
    {
        if (_playing.TryRemove(id, out Trajectory? trajectory))
            Add(trajectory, Stopwatch.GetElapsedTime(trajectory.Since));
    }

    private void Add(Trajectory trajectory, TimeSpan gap)
    {
        TimeSpan turn = gap + trajectory.Beginning.GetValueOrDefault();
        trajectory.Beginning = TimeSpan.Zero;
        lock (_lock)
            _turns.Add(turn);
    }

    /// <summary>One trajectory in play; its calls come one after the other.</summary>
    private sealed class Trajectory
    {
        public required long Since { get; set; }

        /// <summary>What the first turn has to carry; null before the first request.</summary>
        public TimeSpan? Beginning { get; set; }
    }
}
