using System.Text.Json;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>Weights from disk, and what they are called.</summary>
internal static class WeightCalls
{
    /// <summary><c>/update_weights</c>: a folder, as prime-rl sends it, or tensors that the trainer broadcasts.</summary>
    public static async Task<IResult> UpdateAsync(HttpContext context, WeightService weights, WeightBroadcast broadcast)
    {
        JsonElement element = await JsonBody.ReadAsync(context.Request);
        if (new JsonBody(element).Text("weight_dir") is not { } folder)
            return await GroupCalls.ReceiveAsync(element, broadcast, context.RequestAborted);
        await UseAsync(folder, version: null, weights, context.RequestAborted);
        return TypedResults.Json(new Dictionary<string, string> { ["status"] = "ok" }, VllmJson.Default.DictionaryStringString);
    }

    /// <summary><c>/collective_rpc</c>: of the worker's methods, the one that reads weights from disk.</summary>
    public static async Task<IResult> CallAsync(HttpContext context, WeightService weights, GatewayOptions options)
    {
        JsonBody body = new(await JsonBody.ReadAsync(context.Request));
        string method = body.Text("method") ?? throw DialectValues.Invalid("The body has no 'method'.");
        if (method != "reload_weights")
            throw DialectValues.Invalid($"'method' is '{method}'; known methods: reload_weights. Workers here run no Python.");
        string? path = body["kwargs"] is { ValueKind: JsonValueKind.Object } named ? DialectValues.Text(named, "weights_path", "kwargs") : null;
        // This server's own client counts the versions itself.
        long? version = body["agentrollout"] is { ValueKind: JsonValueKind.Object } own && DialectValues.Member(own, "version") is { } number
            ? DialectValues.Long("agentrollout.version", number)
            : null;
        await UseAsync(path ?? options.Model ?? throw DialectValues.Invalid("'kwargs.weights_path' is missing."), version, weights, context.RequestAborted);
        return TypedResults.Json(new RpcResults([null]), VllmJson.Default.RpcResults);
    }

    /// <summary><c>/update_weight_version</c>: names the weights in use.</summary>
    public static async Task<IResult> NameAsync(HttpContext context, WeightLabels labels)
    {
        string name = new JsonBody(await JsonBody.ReadAsync(context.Request)).Text("new_version") ?? throw DialectValues.Invalid("The body has no 'new_version'.");
        labels.Name(name);
        return TypedResults.Json(new NamedVersion(Success: true, name), VllmJson.Default.NamedVersion);
    }

    /// <summary><c>/weight_info</c>.</summary>
    public static IResult Describe(WeightLabels labels) =>
        TypedResults.Json(new Dictionary<string, string> { ["weight_version"] = labels.Current }, VllmJson.Default.DictionaryStringString);

    private static async Task UseAsync(string path, long? version, WeightService weights, CancellationToken cancellationToken)
    {
        // What is paused cannot finish; it goes on with the new weights, as there.
        RunningSequences running = weights.Receiver.IsPaused ? RunningSequences.Continue : RunningSequences.Finish;
        await weights.UpdateFromDiskAsync(new UpdateFromDiskBody { Path = path, Version = version, Running = running }, cancellationToken);
    }
}

/// <summary>What each worker gave back; there is one.</summary>
internal sealed record RpcResults(IReadOnlyList<string?> Results);

/// <param name="Success">Always true.</param>
/// <param name="NewVersion">The name.</param>
internal sealed record NamedVersion(bool Success, string NewVersion);
