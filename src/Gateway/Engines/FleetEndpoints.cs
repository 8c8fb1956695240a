using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Json;
using AgentRollout.Gateway.Storage;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Routing;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace AgentRollout.Gateway.Engines;

/// <summary>The engines of the fleet: seen, added, drained and taken out while the server runs (docs/routing.md).</summary>
internal static class FleetEndpoints
{
    public static void MapFleet(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder engines = routes.MapGroup("/v1/engines");
        engines.MapGet("", (EngineFleet fleet) => TypedResults.Ok(fleet.List())).WithName("ListEngines");
        engines.MapPost("", AddAsync).WithName("AddEngine").Accepts<AddEngineBody>("application/json")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);
        engines.MapPost("/{name}/drain", Drain).WithName("DrainEngine");
        engines.MapDelete("/{name}", RemoveAsync).WithName("RemoveEngine");
    }

    private static async Task<Created<EngineNodeResponse>> AddAsync(HttpContext context, EngineFleet fleet)
    {
        AddEngineBody body = await StrictJson.ReadAsync(context.Request, GatewayJson.Default.AddEngineBody);
        FleetEngine engine = FleetEngine.Create(body.Name, body.Url, body.Kind, body.ApiKey);
        return TypedResults.Created((string?)null, await fleet.AddAsync(engine, context.RequestAborted));
    }

    private static Results<NoContent, ProblemHttpResult> Drain(string name, EngineFleet fleet) =>
        fleet.Drain(name) ? TypedResults.NoContent() : Unknown(name);

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        string name, EngineFleet fleet, CancellationToken cancellationToken, [FromQuery] bool force = false) =>
        await fleet.RemoveAsync(name, force, cancellationToken) ? TypedResults.NoContent() : Unknown(name);

    private static ProblemHttpResult Unknown(string name) =>
        ProblemMapping.Problem(StatusCodes.Status404NotFound, ProblemCodes.UnknownEngine, $"There is no engine '{name}'; GET /v1/engines lists them.");
}

/// <summary>The body of <c>POST /v1/engines</c>.</summary>
internal sealed record AddEngineBody
{
    /// <summary>Its name in the fleet. Default: host and port of its address.</summary>
    public string? Name { get; set; }

    /// <summary>Where its protocol's paths begin.</summary>
    public required string Url { get; set; }

    /// <summary>Its protocol. Default <c>sglang</c>.</summary>
    public RemoteEngineKind Kind { get; set; }

    /// <summary>Sent with every request to it, and shown nowhere. Default none.</summary>
    public string? ApiKey { get; set; }
}

/// <summary>An engine of the fleet.</summary>
/// <param name="Name">Its name in the fleet.</param>
/// <param name="Url">Where it is reached; null for the embedded one.</param>
/// <param name="Kind">Its protocol; null for the embedded one.</param>
/// <param name="State">Whether it can be sent requests: <c>up</c>, <c>stale</c>, <c>draining</c> or <c>down</c>.</param>
/// <param name="WeightVersion">Of the weights that it had when it was last heard of.</param>
/// <param name="InFlight">Requests of this server that it has.</param>
/// <param name="Requests">Requests that it was ever sent.</param>
/// <param name="Losses">How often it was lost.</param>
/// <param name="Running">Sequences in its batch, as it said last; null where it does not say.</param>
/// <param name="Waiting">Requests that wait there; null where it does not say.</param>
/// <param name="PagesInUse">The share of its cache that sequences use; null where it does not say.</param>
/// <param name="Error">Why it is away or stale; null where all is well.</param>
internal sealed record EngineNodeResponse(
    string Name,
    string? Url,
    string? Kind,
    string State,
    long WeightVersion,
    int InFlight,
    long Requests,
    long Losses,
    int? Running,
    int? Waiting,
    double? PagesInUse,
    string? Error)
{
    public static EngineNodeResponse Of(EngineStatus engine, FleetEngine? reached) => new(
        engine.Name, reached?.Address.ToString(), reached is null ? null : StatusText.Of(reached.Kind), StatusText.Of(engine.State), engine.WeightVersion, engine.InFlight, engine.Requests, engine.Losses,
        engine.Load?.Running, engine.Load?.Waiting, engine.Load?.PagesInUse, engine.Error);

    public static EngineNodeResponse OfEmbedded(ITokenEngine engine)
    {
        EngineStatistics? now = (engine as LocalEngine)?.Statistics;
        return new EngineNodeResponse(
            engine.Name, null, null, StatusText.Of(EngineState.Up), engine.Model.WeightVersion, InFlight: (now?.Running + now?.Waiting) ?? 0, Requests: 0, Losses: 0,
            now?.Running, now?.Waiting, (double?)now?.PagesInUse / now?.PagesTotal, Error: null);
    }
}
