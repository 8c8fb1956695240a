using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine.Routing;
using AgentRollout.Tools.Dispatch;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway;

/// <summary>For supervisors and load balancers; needs no API key.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health/live", () => TypedResults.Text("live")).WithName("IsLive");
        routes.MapGet("/health/ready", IsReady).WithName("IsReady").ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>
    /// Ready from the moment that earlier rollouts are queued again until the process is asked to stop, while the broker of tool calls, where there is
    /// one, answers and workers take the calls of every group, and while an engine takes requests.
    /// </summary>
    private static Results<ContentHttpResult, ProblemHttpResult> IsReady(IHostApplicationLifetime lifetime, [FromServices] ToolBusHealth? bus, [FromServices] EngineFleet? fleet)
    {
        if (!lifetime.ApplicationStarted.IsCancellationRequested || lifetime.ApplicationStopping.IsCancellationRequested)
            return NotReady("The server is starting or stopping.");
        if (fleet?.Router is { } router && router.Engines.All(engine => engine.State != EngineState.Up))
            return NotReady("No engine takes requests; GET /v1/engines says why.");
        return bus?.FindProblem() is { } problem ? NotReady(problem) : TypedResults.Text("ready");
    }

    private static ProblemHttpResult NotReady(string detail) =>
        ProblemMapping.Problem(StatusCodes.Status503ServiceUnavailable, ProblemCodes.NotReady, detail);
}
