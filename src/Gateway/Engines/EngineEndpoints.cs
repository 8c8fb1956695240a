using AgentRollout.Environments;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway.Engines;

/// <summary>State and load of the engine.</summary>
internal static class EngineEndpoints
{
    public static void MapEngine(this IEndpointRouteBuilder routes) => routes.MapGet("/v1/engine", Get).WithName("GetEngine");

    private static Ok<EngineResponse> Get(Policy policy, GatewayOptions options)
    {
        EngineModel model = policy.Engine.Model;
        LocalEngine? local = policy.Engine as LocalEngine;
        return TypedResults.Ok(new EngineResponse(
            policy.Engine.Name,
            policy.Name,
            model.VocabularySize,
            model.ContextLength,
            model.StopTokenIds,
            model.WeightVersion,
            local?.ComputePath,
            local is null ? null : options.Engine.ToOptions().MaxRunningSequences,
            local?.Statistics));
    }
}

/// <summary>What the engine serves and does.</summary>
/// <param name="Name">The engine's name.</param>
/// <param name="Model">The served model's name.</param>
/// <param name="VocabularySize">Token ids are below it.</param>
/// <param name="ContextLength">Most tokens of a sequence.</param>
/// <param name="StopTokenIds">The checkpoint's end-of-sequence ids.</param>
/// <param name="WeightVersion">Changes whenever the weights do.</param>
/// <param name="ComputePath">The instructions that the embedded engine uses; null for another engine.</param>
/// <param name="MaxRunningSequences">Most sequences of the embedded engine's batch; null for another engine.</param>
/// <param name="Statistics">Pages, load and counts of the embedded engine; null for another engine.</param>
internal sealed record EngineResponse(
    string Name,
    string Model,
    int VocabularySize,
    int ContextLength,
    IReadOnlyList<int> StopTokenIds,
    long WeightVersion,
    string? ComputePath,
    int? MaxRunningSequences,
    EngineStatistics? Statistics);
