using System.Text.Json;
using AgentRollout.Environments;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Storage;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Routing;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>
/// The calls of SGLang's router, by which launchers register the servers that they start: in front of a fleet they are its engines. A server with an
/// engine of its own is its own only worker.
/// </summary>
internal sealed class WorkerControl(Policy policy, LiveCalls calls, EngineFleet? fleet = null)
{
    private const string OwnWorker = "This server is its own only worker; workers cannot be added or removed.";

    /// <summary><c>GET /workers</c>.</summary>
    public Task ListAsync(HttpContext context)
    {
        IReadOnlyList<EngineNodeResponse> workers = Workers(context);
        return SglangResponse.WriteAsync(context, json =>
        {
            json.WriteStartArray("workers");
            foreach (EngineNodeResponse worker in workers)
                Write(json, worker);
            json.WriteEndArray();
            json.WriteNumber("total", workers.Count);
            json.WriteStartObject("stats");
            json.WriteNumber("prefill_count", 0);
            json.WriteNumber("decode_count", 0);
            json.WriteNumber("regular_count", workers.Count);
            json.WriteEndObject();
        });
    }

    /// <summary><c>/list_workers</c>, as routers had it before.</summary>
    public Task ListUrlsAsync(HttpContext context) => SglangResponse.WriteAsync(context, json =>
    {
        json.WriteStartArray("urls");
        foreach (EngineNodeResponse worker in Workers(context))
            json.WriteStringValue(UrlOf(worker));
        json.WriteEndArray();
    });

    /// <summary><c>POST /workers</c>.</summary>
    public async Task AddAsync(HttpContext context)
    {
        EngineFleet engines = Require();
        JsonBody body = new(await JsonBody.ReadAsync(context.Request));
        if (body.Text("worker_type") is { } type and not "regular")
            throw DialectValues.Invalid($"'worker_type' is '{type}'; known types: regular.");
        await AddAsync(engines, body.Text("url"), body.Text("api_key"), context);
    }

    /// <summary><c>/add_worker?url=</c>, as routers had it before.</summary>
    public Task AddByUrlAsync(HttpContext context) => AddAsync(Require(), context.Request.Query["url"], apiKey: null, context);

    /// <summary><c>DELETE /workers/ID</c>: it gets nothing new, and is taken out once it has finished what it has.</summary>
    public Task RemoveAsync(HttpContext context) => RemoveAsync(Require(), (string)context.Request.RouteValues["id"]!, context);

    /// <summary><c>/remove_worker?url=</c>, as routers had it before.</summary>
    public Task RemoveByUrlAsync(HttpContext context) => RemoveAsync(Require(), context.Request.Query["url"].ToString(), context);

    /// <summary><c>PUT /workers/ID</c>.</summary>
    public static Task ChangeAsync(HttpContext context) => throw DialectValues.Invalid("Workers have no priority or labels that could be changed; remove one and add it anew.");

    private static async Task AddAsync(EngineFleet engines, string? url, string? apiKey, HttpContext context)
    {
        if (string.IsNullOrEmpty(url))
            throw DialectValues.Invalid("'url' is missing.");
        EngineNodeResponse added = await engines.AddAsync(FleetEngine.Create(name: null, url, RemoteEngineKind.Sglang, apiKey), context.RequestAborted);
        await SayAsync(context, added, added.Error is null ? "The worker takes requests." : $"The worker does not answer yet and is looked for: {added.Error}");
    }

    private static async Task RemoveAsync(EngineFleet engines, string nameOrUrl, HttpContext context)
    {
        EngineNodeResponse worker = engines.List().FirstOrDefault(engine => engine.Name == nameOrUrl || UrlOf(engine) == nameOrUrl.TrimEnd('/'))
            ?? throw DialectValues.Invalid($"Worker '{nameOrUrl}' is unknown; GET /workers lists them.");
        engines.Drain(worker.Name);
        _ = engines.RemoveAsync(worker.Name, atOnce: false, CancellationToken.None);
        await SayAsync(context, worker, "The worker is taken out once it has finished what it has.");
    }

    private static Task SayAsync(HttpContext context, EngineNodeResponse worker, string message)
    {
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        return SglangResponse.WriteAsync(context, json =>
        {
            json.WriteString("status", "accepted");
            json.WriteString("worker_id", worker.Name);
            json.WriteString("url", UrlOf(worker));
            json.WriteString("message", message);
        });
    }

    private static string UrlOf(EngineNodeResponse worker) => worker.Url!.TrimEnd('/');

    private EngineFleet Require() => fleet is { Router: not null } ? fleet : throw DialectValues.Invalid(OwnWorker);

    private IReadOnlyList<EngineNodeResponse> Workers(HttpContext context) => fleet is { Router: not null }
        ? fleet.List()
        : [EngineNodeResponse.OfEmbedded(policy.Engine) with { Url = $"{context.Request.Scheme}://{context.Request.Host}", InFlight = calls.Count }];

    private void Write(Utf8JsonWriter json, EngineNodeResponse worker)
    {
        json.WriteStartObject();
        json.WriteString("id", fleet is { Router: not null } ? worker.Name : UrlOf(worker));
        json.WriteString("url", UrlOf(worker));
        json.WriteString("model_id", policy.Name);
        json.WriteNumber("priority", 50);
        json.WriteNumber("cost", 1);
        json.WriteString("worker_type", "regular");
        json.WriteBoolean("is_healthy", worker.State == StatusText.Of(EngineState.Up));
        json.WriteNumber("load", worker.InFlight);
        json.WriteString("connection_mode", "http");
        json.WriteEndObject();
    }
}
