using System.Text.Json;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Remote;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>Weights over a process group, for the engines of a fleet: what trainers say is passed on to each of them.</summary>
internal static class GroupCalls
{
    private const string NoGroup = "This engine computes on processors and joins no process group; save the weights where this machine can read and call "
        + "/collective_rpc with the method reload_weights, or send their bytes by POST /v1/weights/updates (docs/weights.md).";

    /// <summary><c>/init_weight_transfer_engine</c>.</summary>
    public static async Task<IResult> JoinAsync(HttpContext context, WeightBroadcast broadcast)
    {
        broadcast.Require(NoGroup);
        JsonElement element = await JsonBody.ReadAsync(context.Request);
        JsonElement info = new JsonBody(element)["init_info"] is { ValueKind: JsonValueKind.Object } given ? given : throw DialectValues.Invalid("'init_info' is missing, or no object.");
        WeightGroupCall call = new(RemoteEngineKind.Vllm, WeightGroupStep.Join, element)
        {
            RankOffset = DialectValues.Rank("init_info.rank_offset", DialectValues.Member(info, "rank_offset")),
            WorldSize = DialectValues.Rank("init_info.world_size", DialectValues.Member(info, "world_size")),
        };
        await broadcast.PassAsync(call, context.RequestAborted);
        return Say("All engines have joined the process group.");
    }

    /// <summary><c>/start_weight_update</c>.</summary>
    public static async Task<IResult> BeginAsync(HttpContext context, WeightBroadcast broadcast)
    {
        broadcast.Require(NoGroup);
        await broadcast.PassAsync(new WeightGroupCall(RemoteEngineKind.Vllm, WeightGroupStep.Begin, await ReadAsync(context)), context.RequestAborted);
        return Say("All engines await tensors.");
    }

    /// <summary><c>/update_weights</c> with <c>update_info</c>. Its parts are one update until generation goes on.</summary>
    public static async Task<IResult> ReceiveAsync(JsonElement body, WeightBroadcast broadcast, CancellationToken cancellationToken)
    {
        broadcast.Require(NoGroup);
        await broadcast.ReceiveAsync(new WeightGroupCall(RemoteEngineKind.Vllm, WeightGroupStep.Receive, body), name: null, isLast: false, cancellationToken);
        return Say("All engines have received the tensors.");
    }

    /// <summary><c>/finish_weight_update</c>.</summary>
    public static async Task<IResult> EndAsync(HttpContext context, WeightBroadcast broadcast)
    {
        broadcast.Require(NoGroup);
        await broadcast.PassAsync(new WeightGroupCall(RemoteEngineKind.Vllm, WeightGroupStep.End, await ReadAsync(context)), context.RequestAborted);
        return Say("All engines have the weights in use.");
    }

    /// <summary>An object; an empty body is one without members.</summary>
    private static async Task<JsonElement> ReadAsync(HttpContext context)
    {
        JsonElement element = context.Request.ContentLength == 0 ? JsonElement.Parse("{}") : await JsonBody.ReadAsync(context.Request);
        _ = new JsonBody(element);
        return element;
    }

    private static JsonHttpResult<Dictionary<string, string>> Say(string message) =>
        TypedResults.Json(new Dictionary<string, string> { ["message"] = message }, VllmJson.Default.DictionaryStringString);
}
