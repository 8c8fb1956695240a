namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>SGLang's native protocol, for trainers and clients that speak it (docs/dialects.md).</summary>
internal static class SglangEndpoints
{
    /// <summary>How weights come to this server.</summary>
    public const string SendWeights = "save them where this machine can read and call /update_weights_from_disk, or send their bytes by POST /v1/weights/updates (docs/weights.md)";
    private const string NoPickle = "Its tensors are Python pickles, which would run the sender's code here; " + SendWeights + ".";
    private const string NoAdapters = "The engine serves one model without adapters.";
    private const string NoSessions = "There are no sessions to open: send all tokens so far; what was computed for them is found in the cache.";

    /// <summary>Calls that are refused, whatever their body, and why.</summary>
    private static readonly (string Path, string Reason)[] _refused =
    [
        ("/update_weights_from_tensor", NoPickle), ("/update_weights_from_ipc", NoPickle),
        ("/load_lora_adapter", NoAdapters), ("/unload_lora_adapter", NoAdapters), ("/load_lora_adapter_from_tensors", NoAdapters),
        ("/open_session", NoSessions), ("/close_session", NoSessions),
        ("/get_weights_by_name", "Weights are not given out; GET /v1/weights tells their checksum."),
        ("/weights_checker", "GET /v1/weights tells the checksum of the weights in use."),
        ("/pull_weights", "The server fetches no weights; " + SendWeights + "."),
        ("/post_process_weights", "Weights are put to use as they are read; there is nothing to do behind that."),
    ];

    public static IServiceCollection AddSglang(this IServiceCollection services) => services
        .AddSingleton<GenerateEndpoint>()
        .AddSingleton<GenerationControl>()
        .AddSingleton<WeightControl>()
        .AddSingleton<GroupControl>()
        .AddSingleton<WorkerControl>()
        .AddSingleton<ServerInfo>();

    public static void MapSglang(this WebApplication app, SglangSettings settings)
    {
        if (!settings.Enabled)
            return;
        RouteGroupBuilder group = app.MapDialect(settings.Prefix, settings.Port);
        group.WithMetadata(SglangError.Form);
        GenerateEndpoint generate = app.Services.GetRequiredService<GenerateEndpoint>();
        group.Map("/generate", ["POST", "PUT"], generate.HandleAsync);
        MapControl(group, app.Services.GetRequiredService<GenerationControl>(), app.Services.GetRequiredService<WeightControl>());
        MapGroups(group, app.Services.GetRequiredService<GroupControl>());
        MapInfo(group, app.Services.GetRequiredService<ServerInfo>());
        foreach ((string path, string reason) in _refused)
            group.Map(path, ["GET", "POST"], _ => throw DialectValues.Invalid(reason));
        MapWorkers(group, app.Services.GetRequiredService<WorkerControl>());
    }

    private static void MapControl(RouteGroupBuilder group, GenerationControl generation, WeightControl weights)
    {
        group.Map("/abort_request", ["POST"], generation.AbortAsync);
        group.Map("/pause_generation", ["POST"], generation.PauseAsync);
        group.Map("/continue_generation", ["POST"], generation.ContinueAsync);
        group.Map("/flush_cache", ["GET", "POST"], generation.FlushAsync);
        group.Map("/update_weights_from_disk", ["POST"], weights.UpdateFromDiskAsync);
        group.Map("/update_weight_version", ["POST"], weights.NameAsync);
        group.Map("/get_weight_version", ["GET"], weights.GetVersionAsync);
        group.Map("/weight_version", ["GET"], weights.GetVersionAsync);
        group.Map("/release_memory_occupation", ["GET", "POST"], weights.ReleaseAsync);
        group.Map("/resume_memory_occupation", ["GET", "POST"], weights.ResumeAsync);
    }

    private static void MapGroups(RouteGroupBuilder group, GroupControl groups)
    {
        group.Map("/init_weights_update_group", ["POST"], groups.JoinAsync);
        group.Map("/update_weights_from_distributed", ["POST"], groups.ReceiveAsync);
        group.Map("/destroy_weights_update_group", ["POST"], groups.LeaveAsync);
    }

    private static void MapWorkers(RouteGroupBuilder group, WorkerControl workers)
    {
        group.Map("/workers", ["GET"], workers.ListAsync);
        group.Map("/workers", ["POST"], workers.AddAsync);
        group.Map("/workers/{id}", ["PUT"], WorkerControl.ChangeAsync);
        group.Map("/workers/{id}", ["DELETE"], workers.RemoveAsync);
        group.Map("/list_workers", ["GET"], workers.ListUrlsAsync);
        group.Map("/add_worker", ["POST"], workers.AddByUrlAsync);
        group.Map("/remove_worker", ["POST"], workers.RemoveByUrlAsync);
    }

    private static void MapInfo(RouteGroupBuilder group, ServerInfo info)
    {
        group.Map("/health", ["GET"], ServerInfo.HealthAsync);
        group.Map("/health_generate", ["GET"], info.HealthGenerateAsync);
        group.Map("/get_model_info", ["GET"], info.ModelAsync);
        group.Map("/model_info", ["GET"], info.ModelAsync);
        group.Map("/get_server_info", ["GET"], info.ServerAsync);
        group.Map("/server_info", ["GET"], info.ServerAsync);
        group.Map("/get_load", ["GET"], info.LoadAsync);
        group.Map("/v1/loads", ["GET"], info.LoadsAsync);
    }

    private static void Map(this RouteGroupBuilder group, string path, string[] methods, Func<HttpContext, Task> handle) =>
        group.MapMethods(path, methods, new RequestDelegate(handle));
}
