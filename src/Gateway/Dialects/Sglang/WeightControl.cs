using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>Weights and memory. Nothing that runs is aborted unless a request says so, whatever the other server's default.</summary>
internal sealed class WeightControl(WeightService weights, LiveCalls calls, WeightLabels labels, Policy policy)
{
    /// <summary><c>/update_weights_from_disk</c>.</summary>
    public async Task UpdateFromDiskAsync(HttpContext context)
    {
        ControlBody body = await ControlBody.ReadAsync(context);
        if (body.ModelPath is not { Length: > 0 } path)
            throw DialectValues.Invalid("'model_path' is missing.");
        if (body.LoadFormat is not (null or "" or "auto" or "safetensors"))
            throw DialectValues.Invalid($"'load_format' is '{body.LoadFormat}'; known formats: auto, safetensors.");
        string? name = ControlBody.VersionOf(body.WeightVersion);
        bool isPaused = weights.Receiver.IsPaused, aborts = body.AbortAllRequests == true;
        int paused = isPaused && policy.Engine is LocalEngine local ? local.Statistics.Running : 0;
        if (aborts)
            calls.Abort("");
        WeightUpdateReport report = await weights.UpdateFromDiskAsync(
            new UpdateFromDiskBody
            {
                Path = path,
                Version = labels.NumberFor(name),
                Running = aborts ? RunningSequences.Abort : isPaused ? RunningSequences.Continue : RunningSequences.Finish,
                KvCache = body.FlushCache == false ? KvCachePolicy.Keep : KvCachePolicy.Flush,
            },
            context.RequestAborted);
        if (name is not null)
            labels.Name(name, report.Version);
        await SayAsync(context, $"The weights of '{path}' are in use as version {labels.NameOf(report.Version)}.", json => json.WriteNumber("num_paused_requests", paused));
    }

    /// <summary><c>/update_weight_version</c>: names the weights in use. It aborts only if it is told to, unlike there, where that is the default.</summary>
    public async Task NameAsync(HttpContext context)
    {
        ControlBody body = await ControlBody.ReadAsync(context);
        string name = ControlBody.VersionOf(body.NewVersion) ?? throw DialectValues.Invalid("'new_version' is missing.");
        if (body.AbortAllRequests == true)
            calls.Abort("");
        labels.Name(name);
        await SayAsync(context, $"Weight version updated to {name}", json => json.WriteString("new_version", name));
    }

    /// <summary><c>/get_weight_version</c>.</summary>
    public Task GetVersionAsync(HttpContext context) => SglangResponse.WriteAsync(context, json => json.WriteString("weight_version", labels.Current));

    /// <summary><c>/release_memory_occupation</c>.</summary>
    public async Task ReleaseAsync(HttpContext context)
    {
        EngineMemory memory = MemoryOf(await ControlBody.ReadAsync(context));
        await weights.Receiver.ReleaseMemoryAsync(memory, context.RequestAborted);
        await SglangResponse.WriteAsync(context, _ => { });
    }

    /// <summary><c>/resume_memory_occupation</c>.</summary>
    public async Task ResumeAsync(HttpContext context)
    {
        EngineMemory memory = MemoryOf(await ControlBody.ReadAsync(context));
        try
        {
            await weights.Receiver.ResumeMemoryAsync(memory, context.RequestAborted);
        }
        catch (EngineException exception)
        {
            throw new InvalidInputException(ProblemCodes.WeightsRefused, exception.Message);
        }

        await SglangResponse.WriteAsync(context, _ => { });
    }

    private static EngineMemory MemoryOf(ControlBody body)
    {
        EngineMemory memory = EngineMemory.None;
        foreach (string tag in body.Tags ?? ["weights", "kv_cache"])
        {
            memory |= tag switch
            {
                "weights" => EngineMemory.Weights,
                "kv_cache" => EngineMemory.KvCache,
                // There is none here to give back.
                "cuda_graph" => EngineMemory.None,
                _ => throw DialectValues.Invalid($"Tag '{tag}' is unknown; known tags: weights, kv_cache, cuda_graph."),
            };
        }

        return memory;
    }

    private static Task SayAsync(HttpContext context, string message, Action<Utf8JsonWriter> writeMore) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteBoolean("success", true);
        json.WriteString("message", message);
        writeMore(json);
    });
}
