namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>A process group of a trainer's, in which it broadcasts weights.</summary>
/// <param name="MasterAddress">Where the group's first process listens.</param>
/// <param name="MasterPort">Its port.</param>
/// <param name="RankOffset">The rank of the engine's first worker.</param>
/// <param name="WorldSize">Processes in the group.</param>
public sealed record WeightGroup(string MasterAddress, int MasterPort, int RankOffset, int WorldSize)
{
    /// <summary>The group's name. Default <c>weight_update_group</c>.</summary>
    public string Name { get; init; } = GroupTensors.DefaultGroup;

    /// <summary>What carries the tensors. Default <c>nccl</c>.</summary>
    public string Backend { get; init; } = "nccl";
}
