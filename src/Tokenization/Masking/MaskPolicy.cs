namespace AgentRollout.Tokenization.Masking;

/// <summary>Which sampled tokens a trainer learns from. A policy narrows the mask of sampled tokens; none widens it.</summary>
public enum MaskPolicy
{
    /// <summary>Every token that the engine sampled.</summary>
    AllSampled,

    /// <summary>Those of the trajectory's last turn.</summary>
    LastTurn,

    /// <summary>Those of turns that the model ended itself; turns cut by a limit are left out.</summary>
    CompleteTurns,

    /// <summary>Those of turns whose tool calls could all be read.</summary>
    WellFormedTurns,
}
