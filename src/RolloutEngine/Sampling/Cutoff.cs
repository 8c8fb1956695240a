namespace AgentRollout.RolloutEngine.Sampling;

/// <summary>
/// The least likely token that a filter keeps. Tokens are ordered by weight, ties by id, lower ids first; a filter keeps all tokens from
/// the first to this one. Weights are floats in [0, 1], whose bits are in the same order as they are.
/// </summary>
/// <param name="WeightBits">Its weight.</param>
/// <param name="Id">Its id.</param>
internal readonly record struct Cutoff(uint WeightBits, int Id)
{
    /// <summary>Keeps every token.</summary>
    public static Cutoff None { get; } = new(0, int.MaxValue);

    public bool Keeps(uint weightBits, int id) => weightBits > WeightBits || (weightBits == WeightBits && id <= Id);

    /// <summary>The one that keeps fewer tokens.</summary>
    public Cutoff Stricter(Cutoff other) => other.Keeps(WeightBits, Id) ? this : other;
}
