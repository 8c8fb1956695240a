using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>The calls of a trainer's broadcast in the words of each protocol.</summary>
internal static class GroupCalls
{
    /// <summary>The path of a call.</summary>
    /// <exception cref="EngineException">It is in the other protocol's words, or the protocol has no such call.</exception>
    public static string PathOf(WeightGroupCall call, RemoteEngineKind kind, string engine) => call.Kind != kind
        ? throw new EngineException($"Engine '{engine}' speaks {NameOf(kind)}'s protocol and cannot join a process group in {NameOf(call.Kind)}'s words.")
        : (kind, call.Step) switch
        {
            (RemoteEngineKind.Sglang, WeightGroupStep.Join) => "init_weights_update_group",
            (RemoteEngineKind.Sglang, WeightGroupStep.Receive) => "update_weights_from_distributed",
            (RemoteEngineKind.Sglang, WeightGroupStep.Leave) => "destroy_weights_update_group",
            (RemoteEngineKind.Vllm, WeightGroupStep.Join) => "init_weight_transfer_engine",
            (RemoteEngineKind.Vllm, WeightGroupStep.Begin) => "start_weight_update",
            (RemoteEngineKind.Vllm, WeightGroupStep.Receive) => "update_weights",
            (RemoteEngineKind.Vllm, WeightGroupStep.End) => "finish_weight_update",
            _ => throw new EngineException($"{NameOf(kind)}'s protocol has no call for the step {call.Step} of a broadcast."),
        };

    /// <summary>Writes the members of an object into one that is open, but for one of them.</summary>
    public static void CopyMembers(this Utf8JsonWriter json, JsonElement source, string? except = null)
    {
        foreach (JsonProperty member in source.EnumerateObject())
        {
            if (member.Name != except)
                member.WriteTo(json);
        }
    }

    private static string NameOf(RemoteEngineKind kind) => kind == RemoteEngineKind.Vllm ? "vLLM" : "SGLang";
}
