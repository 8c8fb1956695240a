namespace AgentRollout.RolloutEngine.Backends;

/// <summary>A model's weights in the form that one runner computes with.</summary>
internal interface IRunnerWeights : IDisposable
{
    /// <summary>Memory that they take.</summary>
    long Bytes { get; }
}
