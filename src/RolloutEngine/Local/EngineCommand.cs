namespace AgentRollout.RolloutEngine.Local;

/// <summary>What callers ask of the loop.</summary>
internal readonly record struct EngineCommand(EngineCommand.Verb Action, Sequence Sequence)
{
    public enum Verb
    {
        /// <summary>Queue the sequence.</summary>
        Submit,

        /// <summary>Take the sequence out, if it is still there.</summary>
        Cancel,
    }
}
