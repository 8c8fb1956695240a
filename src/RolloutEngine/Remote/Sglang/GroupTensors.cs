namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>Tensors that a trainer is about to broadcast.</summary>
/// <param name="Names">As in the checkpoint.</param>
/// <param name="Types">One for each, such as <c>bfloat16</c>.</param>
/// <param name="Shapes">One for each.</param>
public sealed record GroupTensors(IReadOnlyList<string> Names, IReadOnlyList<string> Types, IReadOnlyList<IReadOnlyList<int>> Shapes)
{
    internal const string DefaultGroup = "weight_update_group";

    /// <summary>The group. Default <c>weight_update_group</c>.</summary>
    public string Group { get; init; } = DefaultGroup;

    /// <summary>Whether keys and values are forgotten, which only the last part of an update needs. Default true.</summary>
    public bool FlushesCache { get; init; } = true;

    /// <summary>What the weights are called from now on, with the last part. Default null: as before.</summary>
    public long? Version { get; init; }
}
