using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>Hands out trajectories, byte for byte as they are stored.</summary>
internal static class TrajectoryEndpoints
{
    private const string Json = "application/json";
    private const string NdJson = "application/x-ndjson";

    public static void MapTrajectories(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/rollouts/{id}/trajectories", ListAsync).WithName("ListTrajectories")
            .Produces<IReadOnlyList<Trajectory>>(StatusCodes.Status200OK, Json, NdJson)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status406NotAcceptable);
        routes.MapGet("/v1/trajectories/{id}", Get).WithName("GetTrajectory")
            .Produces<Trajectory>().ProducesProblem(StatusCodes.Status404NotFound);
        routes.MapGet("/v1/trajectories/{id}/audit", AuditAsync).WithName("AuditTrajectory").ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> ListAsync(
        string id,
        HttpContext context,
        RolloutRegistry registry,
        TrajectoryFeed feed,
        SqliteTrajectoryStore store,
        IHostApplicationLifetime lifetime)
    {
        if (!registry.Exists(id))
            return ProblemMapping.UnknownRollout(id);
        switch (Negotiate(context.Request))
        {
            case Json:
                await WriteArrayAsync(context, store.ReadJson(id));
                return TypedResults.Empty;
            case NdJson:
                await WriteLinesAsync(context, id, feed, lifetime.ApplicationStopping);
                return TypedResults.Empty;
            default:
                return ProblemMapping.Problem(
                    StatusCodes.Status406NotAcceptable,
                    ProblemCodes.NotAcceptable,
                    $"Media type '{context.Request.Headers.Accept}' is unknown; known types: {Json}, {NdJson}.");
        }
    }

    private static Results<FileContentHttpResult, ProblemHttpResult> Get(string id, SqliteTrajectoryStore store) =>
        store.FindJson(id) is { } json ? TypedResults.Bytes(json, Json) : ProblemMapping.UnknownTrajectory(id);

    private static async Task<Results<Ok<AuditResponse>, ProblemHttpResult>> AuditAsync(
        string id, SqliteTrajectoryStore store, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(id, cancellationToken) is not { } trajectory)
            return ProblemMapping.UnknownTrajectory(id);
        string? problem = TrajectoryAuditor.FindProblem(trajectory);
        return TypedResults.Ok(new AuditResponse(id, problem is null, problem));
    }

    /// <summary>The first known type that the client accepts best; null where it accepts none of them.</summary>
    private static string? Negotiate(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? accepted))
            return request.Headers.Accept.Count == 0 ? Json : null;
        foreach (MediaTypeHeaderValue type in accepted.OrderByDescending(type => type.Quality ?? 1))
        {
            string? match = new[] { Json, NdJson }.FirstOrDefault(known => new MediaTypeHeaderValue(known).IsSubsetOf(type));
            if (match is not null && type.Quality != 0)
                return match;
        }

        return null;
    }

    private static async Task WriteArrayAsync(HttpContext context, IEnumerable<StoredTrajectory> trajectories)
    {
        Stream body = context.Response.Body;
        context.Response.ContentType = Json;
        await body.WriteAsync("["u8.ToArray(), context.RequestAborted);
        bool isFirst = true;
        foreach (StoredTrajectory stored in trajectories)
        {
            if (!isFirst)
                await body.WriteAsync(","u8.ToArray(), context.RequestAborted);
            isFirst = false;
            await body.WriteAsync(stored.Json, context.RequestAborted);
        }

        await body.WriteAsync("]"u8.ToArray(), context.RequestAborted);
    }

    /// <summary>Each line goes out as soon as it is stored. A stream that the server's stop cuts is broken off, never ended as if complete.</summary>
    private static async Task WriteLinesAsync(HttpContext context, string id, TrajectoryFeed feed, CancellationToken stopping)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        Stream body = context.Response.Body;
        context.Response.ContentType = NdJson;
        try
        {
            // The client learns at once that the stream is open, before there is a first line.
            await body.FlushAsync(either.Token);
            await foreach (StoredTrajectory stored in feed.FollowAsync(id, either.Token))
            {
                await body.WriteAsync(stored.Json, either.Token);
                await body.WriteAsync("\n"u8.ToArray(), either.Token);
                await body.FlushAsync(either.Token);
            }
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
    }
}
