namespace AgentRollout.Environments.Loop;

/// <summary>What happens where a chat template rewrites earlier turns for a new message, as Qwen3's does with their reasoning.</summary>
public enum HistoryPolicy
{
    /// <summary>What was sampled stays as it was sampled; the trajectory is one sequence.</summary>
    AppendOnly,

    /// <summary>The model sees what the template renders: the trajectory goes on in a new sequence, which says why it was started.</summary>
    Rerender,
}
