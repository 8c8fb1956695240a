using System.Text.Json;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Remote;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>Weights over a process group, for the engines of a fleet: what trainers say is passed on to each of them.</summary>
internal sealed class GroupControl(WeightBroadcast broadcast, WeightLabels labels)
{
    private const string NoGroup = "This engine computes on processors and joins no process group; " + SglangEndpoints.SendWeights + ".";
    private const string DefaultGroup = "weight_update_group";

    /// <summary><c>/init_weights_update_group</c>.</summary>
    public async Task JoinAsync(HttpContext context)
    {
        (JsonElement element, JsonBody body) = await ReadAsync(context);
        WeightGroupCall call = Call(WeightGroupStep.Join, element, body) with
        {
            RankOffset = DialectValues.Rank("rank_offset", body["rank_offset"]),
            WorldSize = DialectValues.Rank("world_size", body["world_size"]),
        };
        await broadcast.PassAsync(call, context.RequestAborted);
        await SayAsync(context, $"All engines have joined the process group '{call.Group}'.");
    }

    /// <summary><c>/update_weights_from_distributed</c>.</summary>
    public async Task ReceiveAsync(HttpContext context)
    {
        (JsonElement element, JsonBody body) = await ReadAsync(context);
        long version = await broadcast.ReceiveAsync(
            Call(WeightGroupStep.Receive, element, body), ControlBody.VersionOf(body["weight_version"]), isLast: body.Bool("flush_cache") ?? true, context.RequestAborted);
        await SayAsync(context, $"All engines have received the tensors, which belong to version {labels.NameOf(version)}.");
    }

    /// <summary><c>/destroy_weights_update_group</c>.</summary>
    public async Task LeaveAsync(HttpContext context)
    {
        (JsonElement element, JsonBody body) = await ReadAsync(context);
        WeightGroupCall call = Call(WeightGroupStep.Leave, element, body);
        await broadcast.PassAsync(call, context.RequestAborted);
        await SayAsync(context, $"The process group '{call.Group}' has been left.");
    }

    private async Task<(JsonElement Element, JsonBody Body)> ReadAsync(HttpContext context)
    {
        broadcast.Require(NoGroup);
        JsonElement element = await JsonBody.ReadAsync(context.Request);
        return (element, new JsonBody(element));
    }

    private static WeightGroupCall Call(WeightGroupStep step, JsonElement element, JsonBody body) =>
        new(RemoteEngineKind.Sglang, step, element) { Group = body.Text("group_name") ?? DefaultGroup };

    private static Task SayAsync(HttpContext context, string message) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteBoolean("success", true);
        json.WriteString("message", message);
    });
}
