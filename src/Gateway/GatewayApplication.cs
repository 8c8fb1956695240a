using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AgentRollout.Environments;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Access;
using AgentRollout.Gateway.Capture;
using AgentRollout.Gateway.Catalogs;
using AgentRollout.Gateway.Delivery;
using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Dialects.Anthropic;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;
using AgentRollout.Gateway.Dialects.SandboxFusion;
using AgentRollout.Gateway.Dialects.SearchR1;
using AgentRollout.Gateway.Dialects.Sglang;
using AgentRollout.Gateway.Dialects.Vllm;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.ExternalTools;
using AgentRollout.Gateway.Metrics;
using AgentRollout.Gateway.Page;
using AgentRollout.Gateway.Pending;
using AgentRollout.Gateway.Replay;
using AgentRollout.Gateway.Retention;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using AgentRollout.Gateway.Telemetry;
using AgentRollout.Gateway.Weights;
using Microsoft.AspNetCore.SignalR;

namespace AgentRollout.Gateway;

/// <summary>Puts the server together: REST, SignalR, storage and the loop around one policy.</summary>
internal static class GatewayApplication
{
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Builds the server without starting it.</summary>
    /// <param name="options">Checked settings.</param>
    /// <param name="policy">What plays; the caller disposes its engine.</param>
    /// <param name="database">Where rollouts and trajectories are kept; the caller disposes it.</param>
    /// <param name="weights">Where streamed weights are kept.</param>
    /// <param name="configure">Adds tools and environments.</param>
    public static WebApplication Build(
        GatewayOptions options, Policy policy, GatewayDatabase database, WeightFolder weights, Action<IServiceCollection> configure)
    {
        WebApplication app = BuildShared(options, policy, weights, services =>
        {
            services.AddSignalR().AddJsonProtocol(json => UseOurJson(json.PayloadSerializerOptions));
            configure(services);
            AddRollouts(services, options, database);
            services.AddSingleton<EngineFleet>();
        });
        app.MapPage();
        app.MapRollouts();
        app.MapSessions();
        app.MapAgents();
        app.MapPending();
        app.MapTrajectories();
        app.MapReplays();
        app.MapForks();
        app.MapLeases();
        app.MapCatalogs();
        app.MapTools();
        app.MapFleet();
        app.MapRetrieve();
        app.MapRunCode();
        app.MapHub<RolloutHub>("/hubs/rollouts");
        return app;
    }

    /// <summary>Builds an engine node without starting it: dialects, weights and metrics, and neither rollouts nor tools nor a database.</summary>
    /// <inheritdoc cref="Build" path="/param"/>
    public static WebApplication BuildNode(GatewayOptions options, Policy policy, WeightFolder weights, Action<IServiceCollection> configure) =>
        BuildShared(options, policy, weights, services =>
        {
            services.AddSingleton(TimeProvider.System);
            configure(services);
        });

    /// <summary>What a server and an engine node have alike.</summary>
    private static WebApplication BuildShared(GatewayOptions options, Policy policy, WeightFolder weights, Action<IServiceCollection> configure)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls([.. options.Urls]);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxRequestBytes;
        });

        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("MassTransit", LogLevel.Error);

        IServiceCollection services = builder.Services;
        services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        services.Configure<RouteHandlerOptions>(routing => routing.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(json => UseOurJson(json.SerializerOptions));
        services.AddProblemDetails();
        services.AddResponseCompression(compression => compression.MimeTypes = [.. MediaTypes.All, MediaTypes.Atif]);
        services.AddOpenApi();
        services.AddSingleton(options).AddSingleton(policy).AddSingleton(policy.Engine).AddSingleton(weights);
        configure(services);
        services.AddSingleton<WeightService>();
        services.AddSingleton<WeightBroadcast>();
        services.AddSingleton<MetricCollector>();
        services.AddSingleton<Gauges>();
        services.AddTelemetry(options.Otlp);
        services.AddSingleton<LiveCalls>().AddSingleton<WeightLabels>().AddSingleton<DialectRunner>().AddSingleton<ChatRunner>();
        services.AddSglang().AddVllm();

        WebApplication app = builder.Build();
        // Made here, so that nothing happens that they do not count.
        app.Services.GetRequiredService<MetricCollector>();
        app.Services.GetRequiredService<Gauges>();
        app.UseProblems();
        app.UseResponseCompression();
        app.UseMiddleware<AccessMiddleware>();
        app.MapEngine();
        app.MapEngineControl();
        app.MapWeights();
        app.MapSglang(options.Dialects.Sglang);
        app.MapVllm(options.Dialects);
        app.MapOpenAi(options.Dialects.Openai);
        app.MapAnthropic(options.Dialects.Anthropic);
        app.MapHealth();
        app.MapMetrics(options.Dialects.Vllm.Enabled ? () => LoadMetrics.Read(policy) : null);
        app.MapOpenApi();
        return app;
    }

    private static void AddRollouts(IServiceCollection services, GatewayOptions options, GatewayDatabase database)
    {
        services.AddSingleton(database);
        services.AddConfiguredTools(options).AddToolRegistry();
        services.AddSingleton<RolloutStore>();
        services.AddSingleton<DatabaseTrajectoryStore>();
        services.AddSingleton<CompletionTimes>();
        services.AddSingleton<TrajectoryIndex>();
        services.AddSingleton<DatabaseJournal>();
        services.AddSingleton<JournalView>();
        services.AddSingleton<TrajectoryRunner>();
        services.AddSingleton(provider => new RolloutRunner(provider.GetRequiredService<TrajectoryRunner>(), options.ConcurrentTrajectories));
        services.AddSingleton(_ => new RolloutQueue(options.QueueCapacity));
        services.AddSingleton<LeaseStore>();
        services.AddSingleton<LeaseService>();
        services.AddSingleton<RolloutRegistry>();
        services.AddSingleton<PendingTrajectories>();
        services.AddHostedService<Watchdog>();
        services.AddSingleton<RetentionStore>();
        services.AddHostedService<RetentionService>();
        services.AddSingleton<RolloutPlanner>();
        services.AddSingleton<TrajectoryFeed>();
        services.AddHostedService<RolloutService>();
        services.AddSingleton<SessionRegistry>();
        services.AddHostedService(provider => provider.GetRequiredService<SessionRegistry>());
        services.AddSingleton<ForkPlanner>();
        services.AddSingleton<Replayer>();
        services.AddSingleton<ReplayService>();
        services.AddHostedService(provider => provider.GetRequiredService<ReplayService>());
    }

    /// <summary>JSON as all of the server's own API has it.</summary>
    public static void UseOurJson(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        foreach (JsonConverter converter in TrajectoryJson.Options.Converters)
            options.Converters.Add(converter);
        options.TypeInfoResolver = JsonTypeInfoResolver.Combine(
            GatewayJson.Default, TrajectoryJson.Options.TypeInfoResolver, options.TypeInfoResolver);
    }
}
