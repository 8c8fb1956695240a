using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.RolloutEngine.Scheduling;

/// <summary>Requests that share their turn: those of one rollout and one priority, in order of arrival.</summary>
internal sealed class Flow(string key, int priority)
{
    public string Key => key;

    public int Priority => priority;

    /// <summary>Those that were never admitted.</summary>
    public LinkedList<Sequence> Waiting { get; } = [];

    /// <summary>Sequences that have not ended, admitted or not.</summary>
    public int Members { get; set; }

    /// <summary>Tokens computed for its sequences, each counted at 2^-priority.</summary>
    public double Service { get; set; }

    /// <summary>Counts tokens that were computed.</summary>
    public void Charge(int tokens) => Service += Math.ScaleB(tokens, -priority);
}
