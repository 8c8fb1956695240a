using AgentRollout.Environments;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>Aborting, pausing and flushing, with the statuses that trainers wait for.</summary>
internal sealed class GenerationControl(WeightService weights, LiveCalls calls, Policy policy)
{
    /// <summary><c>/abort_request</c>: <c>rid</c> is the beginning of the ids that are meant.</summary>
    public async Task AbortAsync(HttpContext context)
    {
        ControlBody body = await ControlBody.ReadAsync(context);
        if (body.AbortAll == true)
            calls.Abort("");
        else if (!string.IsNullOrEmpty(body.Rid))
            calls.Abort(body.Rid);
        else
            throw DialectValues.Invalid("Either 'rid', which is not empty, or 'abort_all': true must be given.");
    }

    /// <summary><c>/pause_generation</c>.</summary>
    public async Task PauseAsync(HttpContext context)
    {
        ControlBody body = await ControlBody.ReadAsync(context);
        string mode = body.Mode ?? "abort";
        if (mode is not ("abort" or "retract" or "in_place"))
            throw DialectValues.Invalid($"'mode' is '{mode}'; known modes: abort, retract, in_place.");
        // Paused first, so that nothing begins between the two.
        await weights.Receiver.PauseAsync(retract: mode != "in_place", context.RequestAborted);
        if (mode == "abort")
            calls.Abort("");
        await SayAsync(context, "Generation paused successfully.");
    }

    /// <summary><c>/continue_generation</c>.</summary>
    public async Task ContinueAsync(HttpContext context)
    {
        await weights.ResumeAsync(context.RequestAborted);
        await SayAsync(context, "Generation continued successfully.");
    }

    /// <summary><c>/flush_cache</c>: only where nothing runs, so that trainers call it until it works.</summary>
    public async Task FlushAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain";
        if (!IsIdle)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync("The cache was not flushed: requests are running or waiting. Try again when they have ended.\n", context.RequestAborted);
            return;
        }

        await weights.Receiver.FlushCacheAsync(context.RequestAborted);
        await context.Response.WriteAsync("Cache flushed.\n", context.RequestAborted);
    }

    /// <summary>While paused, those whose pages were retracted do not count: they compute theirs again.</summary>
    private bool IsIdle => policy.Engine is not LocalEngine { Statistics: var statistics } local
        || (statistics.Running == 0 && (statistics.Waiting == 0 || local.IsPaused));

    private static Task SayAsync(HttpContext context, string message) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteString("message", message);
        json.WriteString("status", "ok");
    });
}
