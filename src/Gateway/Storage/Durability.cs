namespace AgentRollout.Gateway.Storage;

/// <summary>What a write survives once it is done. Whatever the level, nothing that was written is lost when the server dies.</summary>
internal enum Durability
{
    /// <summary>
    /// What was accepted, sealed, leased or acknowledged also survives the loss of power. The steps of trajectories in play may then be lost and are done
    /// again.
    /// </summary>
    Normal,

    /// <summary>Every step survives the loss of power: each waits for the disk, and one flush serves all that wait together.</summary>
    Full,
}
