using AgentRollout.Gateway.Errors;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AgentRollout.Gateway;

/// <summary>For supervisors and load balancers; needs no API key.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health/live", () => TypedResults.Text("live")).WithName("IsLive");
        routes.MapGet("/health/ready", IsReady).WithName("IsReady").ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>Ready from the moment that earlier rollouts are queued again until the server is asked to stop.</summary>
    private static Results<ContentHttpResult, ProblemHttpResult> IsReady(IHostApplicationLifetime lifetime) =>
        lifetime.ApplicationStarted.IsCancellationRequested && !lifetime.ApplicationStopping.IsCancellationRequested
            ? TypedResults.Text("ready")
            : ProblemMapping.Problem(StatusCodes.Status503ServiceUnavailable, ProblemCodes.NotReady, "The server is starting or stopping.");
}
