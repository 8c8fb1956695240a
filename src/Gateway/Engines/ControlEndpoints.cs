using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Engines;

/// <summary>What a trainer on the same machine asks of the engine between two steps.</summary>
internal static class ControlEndpoints
{
    public static void MapEngineControl(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder engine = routes.MapGroup("/v1/engine");
        engine.MapPost("/pause", PauseAsync).WithName("PauseEngine");
        engine.MapPost("/resume", ResumeAsync).WithName("ResumeEngine");
        engine.MapPost("/flush_cache", FlushCacheAsync).WithName("FlushCache");
        engine.MapPost("/release_memory", ReleaseMemoryAsync).WithName("ReleaseMemory")
            .Accepts<MemoryBody>("application/json").ProducesProblem(StatusCodes.Status400BadRequest);
        engine.MapPost("/resume_memory", ResumeMemoryAsync).WithName("ResumeMemory")
            .Accepts<MemoryBody>("application/json").ProducesProblem(StatusCodes.Status400BadRequest);
    }

    private static async Task<NoContent> PauseAsync(WeightService weights)
    {
        await weights.Receiver.PauseAsync();
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> ResumeAsync(WeightService weights, CancellationToken cancellationToken)
    {
        await weights.ResumeAsync(cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<FlushedCache>> FlushCacheAsync(WeightService weights) =>
        TypedResults.Ok(new FlushedCache(await weights.Receiver.FlushCacheAsync()));

    private static async Task<Results<Ok<ReleasedMemory>, NoContent>> ReleaseMemoryAsync(HttpContext context, WeightService weights) =>
        await weights.Receiver.ReleaseMemoryAsync(await ReadTagsAsync(context)) is { } released ? TypedResults.Ok(released) : TypedResults.NoContent();

    private static async Task<NoContent> ResumeMemoryAsync(HttpContext context, WeightService weights)
    {
        try
        {
            await weights.Receiver.ResumeMemoryAsync(await ReadTagsAsync(context), context.RequestAborted);
            return TypedResults.NoContent();
        }
        catch (EngineException exception)
        {
            throw new InvalidInputException(ProblemCodes.WeightsRefused, exception.Message);
        }
    }

    private static async Task<EngineMemory> ReadTagsAsync(HttpContext context)
    {
        MemoryBody body = await StrictJson.ReadAsync(context.Request, GatewayJson.Default.MemoryBody);
        EngineMemory memory = EngineMemory.None;
        foreach (string tag in body.Tags ?? ["weights", "kv_cache"])
        {
            memory |= tag switch
            {
                "weights" => EngineMemory.Weights,
                "kv_cache" => EngineMemory.KvCache,
                _ => throw new InvalidInputException(ProblemCodes.InvalidValue, $"Tag '{tag}' is unknown; known tags: weights, kv_cache."),
            };
        }

        return memory;
    }
}

/// <summary>The body of <c>POST /v1/engine/release_memory</c> and <c>/resume_memory</c>.</summary>
internal sealed record MemoryBody
{
    /// <summary><c>weights</c>, <c>kv_cache</c> or both. Default both.</summary>
    public IReadOnlyList<string>? Tags { get; set; }
}

/// <summary>What a flush of the cache gave.</summary>
/// <param name="FreedPages">Pages of 16 tokens that are free by it; null where an engine does not say.</param>
internal sealed record FlushedCache(int? FreedPages);
