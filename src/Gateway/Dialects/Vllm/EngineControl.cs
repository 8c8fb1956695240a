using AgentRollout.Environments;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>Pausing, sleeping and flushing: what trainers ask of the engine between two steps. Thread-safe.</summary>
internal sealed class EngineControl(WeightService weights, LiveCalls calls, Policy policy, TimeProvider time)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);
    private readonly Lock _lock = new();
    private EngineMemory _asleep;

    /// <summary><c>/pause</c>.</summary>
    public async Task<IResult> PauseAsync(HttpContext context)
    {
        string mode = ModeOf(context.Request.Query);
        bool clearsCache = Flag(context.Request.Query, "clear_cache", otherwise: true);
        if (mode == "wait")
        {
            await PauseWhenIdleAsync(context.RequestAborted);
        }
        else
        {
            // Paused first, so that nothing begins between the two.
            await weights.Receiver.PauseAsync(retract: mode == "abort", context.RequestAborted);
            if (mode == "abort")
                calls.Abort("");
        }

        if (clearsCache && mode != "keep")
            await weights.Receiver.FlushCacheAsync(context.RequestAborted);
        return Say("status", "paused");
    }

    /// <summary><c>/resume</c>.</summary>
    public async Task<IResult> ResumeAsync(HttpContext context)
    {
        await weights.ResumeAsync(context.RequestAborted);
        return Say("status", "resumed");
    }

    /// <summary><c>/is_paused</c>.</summary>
    public IResult IsPaused() => Say("is_paused", weights.Receiver.IsPaused);

    /// <summary><c>/sleep</c>: gives memory back. At either level the weights are read again when they are woken.</summary>
    public async Task<IResult> SleepAsync(HttpContext context)
    {
        if (context.Request.Query["level"] is [{ } level] && level is not ("1" or "2"))
            throw DialectValues.Invalid($"'level' is '{level}'; it must be 1 or 2.");
        string mode = ModeOf(context.Request.Query);
        EngineMemory memory = TagsOf(context.Request.Query);
        if (mode == "wait")
            await UntilIdleAsync(context.RequestAborted);
        await weights.Receiver.ReleaseMemoryAsync(memory, context.RequestAborted);
        if (mode == "abort")
            calls.Abort("");
        Note(asleep => asleep | memory);
        return TypedResults.Ok();
    }

    /// <summary><c>/wake_up</c>: takes the memory back.</summary>
    public async Task<IResult> WakeAsync(HttpContext context)
    {
        EngineMemory memory = TagsOf(context.Request.Query);
        try
        {
            await weights.Receiver.ResumeMemoryAsync(memory, context.RequestAborted);
        }
        catch (EngineException exception)
        {
            throw new InvalidInputException(ProblemCodes.WeightsRefused, exception.Message);
        }

        Note(asleep => asleep & ~memory);
        return TypedResults.Ok();
    }

    /// <summary><c>/is_sleeping</c>.</summary>
    public IResult IsSleeping()
    {
        lock (_lock)
            return Say("is_sleeping", _asleep != EngineMemory.None);
    }

    /// <summary><c>/reset_prefix_cache</c>.</summary>
    public async Task<IResult> ResetCacheAsync(HttpContext context)
    {
        await weights.Receiver.FlushCacheAsync(context.RequestAborted);
        return TypedResults.Ok();
    }

    private static JsonHttpResult<Dictionary<string, string>> Say(string name, string value) => TypedResults.Json(new Dictionary<string, string> { [name] = value }, VllmJson.Default.DictionaryStringString);

    private static JsonHttpResult<Dictionary<string, bool>> Say(string name, bool value) => TypedResults.Json(new Dictionary<string, bool> { [name] = value }, VllmJson.Default.DictionaryStringBoolean);

    private static string ModeOf(IQueryCollection query)
    {
        string mode = query["mode"] is [{ } named] ? named : Flag(query, "wait_for_inflight_requests", otherwise: false) ? "wait" : "abort";
        return mode is "abort" or "wait" or "keep" ? mode : throw DialectValues.Invalid($"'mode' is '{mode}'; known modes: abort, wait, keep.");
    }

    private static bool Flag(IQueryCollection query, string name, bool otherwise) => query[name] is not [{ } value] ? otherwise : value.ToLowerInvariant() switch
    {
        "true" or "1" => true,
        "false" or "0" => false,
        _ => throw DialectValues.Invalid($"'{name}' is '{value}'; it must be true or false."),
    };

    private static EngineMemory TagsOf(IQueryCollection query)
    {
        EngineMemory memory = EngineMemory.None;
        foreach (string? tag in query["tags"])
        {
            memory |= tag switch
            {
                "weights" => EngineMemory.Weights,
                "kv_cache" => EngineMemory.KvCache,
                _ => throw DialectValues.Invalid($"Tag '{tag}' is unknown; known tags: weights, kv_cache."),
            };
        }

        return memory == EngineMemory.None ? EngineMemory.All : memory;
    }

    /// <summary>Pauses between two requests; those that come while others end are waited for too.</summary>
    private async Task PauseWhenIdleAsync(CancellationToken cancellationToken)
    {
        while (!weights.Receiver.IsPaused)
        {
            await UntilIdleAsync(cancellationToken);
            await weights.Receiver.PauseAsync(retract: false, cancellationToken);
            if ((await LoadAsync(cancellationToken)).Running is null or 0)
                return;
            await weights.ResumeAsync(cancellationToken);
        }
    }

    private async Task UntilIdleAsync(CancellationToken cancellationToken)
    {
        while (await LoadAsync(cancellationToken) is { Running: > 0 } or { Waiting: > 0 })
            await Task.Delay(Poll, time, cancellationToken);
    }

    private async Task<EngineLoad> LoadAsync(CancellationToken cancellationToken) => policy.Engine is IEngineNode node
        ? await node.ProbeAsync(cancellationToken)
        : new EngineLoad(WeightVersion: null, calls.Count, Waiting: null, PagesInUse: null);

    private void Note(Func<EngineMemory, EngineMemory> change)
    {
        lock (_lock)
            _asleep = change(_asleep);
    }
}
