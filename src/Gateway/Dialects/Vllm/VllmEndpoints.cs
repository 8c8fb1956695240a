using System.Reflection;
using AgentRollout.Environments;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;
using AgentRollout.Gateway.Metrics;
using AgentRollout.RolloutEngine;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>vLLM's own protocol, beside OpenAI's (docs/dialects.md).</summary>
internal static class VllmEndpoints
{
    public static IServiceCollection AddVllm(this IServiceCollection services) => services.AddSingleton<EngineControl>();

    public static void MapVllm(this WebApplication app, DialectSettings dialects)
    {
        ChatDialectSettings settings = dialects.Vllm;
        if (!settings.Enabled)
            return;
        RouteGroupBuilder group = app.MapDialect(settings.Prefix, settings.Port);
        group.WithMetadata(VllmErrors.Form, settings);
        group.MapPost("/inference/v1/generate", TokenEndpoint.GenerateAsync);
        MapControl(group);
        MapShared(group);
        if (settings.Prefix.Length > 0)
            group.MapGet("/metrics", (Policy policy) => TypedResults.Text(LoadMetrics.Read(policy), PrometheusText.MediaType));
        // A client of vLLM has one address for all of it.
        (string, int?) place = (settings.Prefix, settings.Port);
        if (place != ("", null) && (!dialects.Openai.Enabled || place != (dialects.Openai.Prefix, dialects.Openai.Port)))
            app.MapOpenAi(settings);
    }

    private static void MapControl(RouteGroupBuilder group)
    {
        group.MapPost("/pause", (HttpContext context, EngineControl control) => control.PauseAsync(context));
        group.MapPost("/resume", (HttpContext context, EngineControl control) => control.ResumeAsync(context));
        group.MapGet("/is_paused", (EngineControl control) => control.IsPaused());
        group.MapPost("/sleep", (HttpContext context, EngineControl control) => control.SleepAsync(context));
        group.MapPost("/wake_up", (HttpContext context, EngineControl control) => control.WakeAsync(context));
        group.MapGet("/is_sleeping", (EngineControl control) => control.IsSleeping());
        group.MapPost("/reset_prefix_cache", (HttpContext context, EngineControl control) => control.ResetCacheAsync(context));
        group.MapPost("/collective_rpc", WeightCalls.CallAsync);
        group.MapPost("/init_weight_transfer_engine", GroupCalls.JoinAsync);
        group.MapPost("/start_weight_update", GroupCalls.BeginAsync);
        group.MapPost("/update_weights", WeightCalls.UpdateAsync);
        group.MapPost("/finish_weight_update", GroupCalls.EndAsync);
        group.MapGet("/weight_info", WeightCalls.Describe);
        group.MapGet("/get_world_size", (Policy policy) => Say("world_size", (policy.Engine as IWeightGroupMember)?.Workers ?? 1));
        group.MapGet("/load", (LiveCalls calls) => Say("server_load", calls.Count));
        group.MapGet("/version", () => TypedResults.Json(
            new Dictionary<string, string> { ["version"] = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3) }, VllmJson.Default.DictionaryStringString));
        group.MapMethods("/ping", ["GET", "POST"], () => TypedResults.Ok());
    }

    /// <summary>What SGLang's protocol has too, with the same meaning: where both are at one place, the paths that it answers are its.</summary>
    private static void MapShared(RouteGroupBuilder group)
    {
        RouteGroupBuilder shared = group.MapGroup("").WithOrder(1);
        shared.MapGet("/health", () => TypedResults.Ok());
        shared.MapPost("/update_weight_version", WeightCalls.NameAsync);
        shared.MapPost("/tokenize", TokenizerEndpoints.TokenizeAsync);
        shared.MapPost("/detokenize", TokenizerEndpoints.DetokenizeAsync);
    }

    private static JsonHttpResult<Dictionary<string, int>> Say(string name, int value) => TypedResults.Json(new Dictionary<string, int> { [name] = value }, VllmJson.Default.DictionaryStringInt32);
}
