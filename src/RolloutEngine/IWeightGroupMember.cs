using System.Text.Json;
using AgentRollout.RolloutEngine.Remote;

namespace AgentRollout.RolloutEngine;

/// <summary>An engine that receives weights as a trainer broadcasts them in a process group. Apart from <see cref="IWeightReceiver"/>, since the embedded engine joins none.</summary>
public interface IWeightGroupMember
{
    /// <summary>The processes that it takes part with, each of which has a rank.</summary>
    int Workers { get; }

    /// <summary>Passes a call of the trainer's on; ends when the engine has done what it says, for which the other members must do their part.</summary>
    /// <exception cref="EngineException">The engine is lost or refuses.</exception>
    Task PassAsync(WeightGroupCall call, CancellationToken cancellationToken);
}

/// <summary>A call of the trainer's, which is passed on as the trainer wrote it but for what is said here beside it.</summary>
/// <param name="Kind">The protocol that it is in; engines of another do not join the same group.</param>
/// <param name="Step">What it asks for.</param>
/// <param name="Body">Its JSON object, with members that only the engine understands.</param>
public sealed record WeightGroupCall(RemoteEngineKind Kind, WeightGroupStep Step, JsonElement Body)
{
    /// <summary>The group's name. Default empty: the protocol has one group without a name.</summary>
    public string Group { get; init; } = "";

    /// <summary>When joining: the rank of the engine's first worker, in place of the body's.</summary>
    public int RankOffset { get; init; }

    /// <summary>When joining: the processes in the group.</summary>
    public int WorldSize { get; init; }

    /// <summary>When receiving: what the weights are called from now on, in place of the body's name.</summary>
    public long Version { get; init; }
}

/// <summary>What a trainer asks of the members of a process group, in this order.</summary>
public enum WeightGroupStep
{
    /// <summary>Connect with the other members.</summary>
    Join,

    /// <summary>An update begins. Some protocols have no such call.</summary>
    Begin,

    /// <summary>Receive tensors; an update may have many such parts.</summary>
    Receive,

    /// <summary>All parts of the update were there. Some protocols have no such call.</summary>
    End,

    /// <summary>Leave the group.</summary>
    Leave,
}
