using System.CommandLine;
using AgentRollout.Environments;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Dialects.OpenAi.Embeddings;
using AgentRollout.Gateway.Engines;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Gateway.Storage;
using AgentRollout.Gateway.Weights;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Search;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout serve</c>: the server.</summary>
internal static class ServeCommand
{
    private const string AllRoles = "api,tools,engine";
    private const string GatewayRoles = "api,tools";
    private const string NodeRole = "engine";

    public static Command Create()
    {
        Option<string?> config = OptionFactory.Text("--config", "FILE", "Settings as JSON; docs/configuration.md lists them.");
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the served model. Default: the shipped models/tiny-agent.");
        Option<string[]> urls = new("--urls")
        {
            Description = $"Where to listen. Default {GatewayOptions.DefaultUrl}.",
            HelpName = "URL",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> roles = OptionFactory.Text("--roles", "ROLES", $"What this process does: {AllRoles}, {GatewayRoles} where other engines compute, or {NodeRole}, which is one of those. Default: by whether the settings name 'engines'.");
        Command command = new("serve", "Runs the server.") { config, model, urls, roles };
        command.SetAction((parsed, cancellationToken) =>
        {
            bool isNode = parsed.GetValue(roles)?.Trim() == NodeRole;
            bool? computes = isNode ? true : ReadRoles(parsed.GetValue(roles));
            GatewayOptions options = parsed.GetValue(config) is { } file ? GatewayOptionsFile.Read(file) : new GatewayOptions();
            if (parsed.GetValue(model) is { } folder)
                options.Model = folder;
            if (parsed.GetValue(urls) is { Length: > 0 } listen)
                options.Urls = [.. listen.SelectMany(url => url.Split(';', StringSplitOptions.RemoveEmptyEntries))];
            GatewayOptionsFile.Check(options);
            if (computes == true && options.Engines is not [])
                throw CommandException.Usage("Role 'engine' asks for an engine in this process, and 'engines' of the settings names others; leave one of them out.");
            string? plugins = PluginFolder.Find(options.Plugins, parsed.GetValue(config));
            return isNode ? RunNodeAsync(options, plugins, cancellationToken) : RunAsync(options, computes ?? options.Engines is [], plugins, cancellationToken);
        });
        return command;
    }

    /// <summary>Whether the process has an engine of its own; null where the settings decide.</summary>
    private static bool? ReadRoles(string? roles) => roles?.Split(',', StringSplitOptions.TrimEntries).Order().ToArray() switch
    {
        null => null,
        ["api", "engine", "tools"] => true,
        ["api", "tools"] => false,
        _ => throw CommandException.Usage($"Roles '{roles}' do not go together; those that run are {AllRoles}, {GatewayRoles} and {NodeRole}."),
    };

    /// <summary>The embedded engine, or a router over others.</summary>
    private static async Task<(IAsyncDisposable Owner, Policy Policy)> LoadAsync(
        GatewayOptions options, bool computes, StartWeights? start, PluginSet plugins, ILoggerFactory loggers)
    {
        ChatFormatOptions chat = options.ToChatOptions() with { ToolCallFormats = plugins.ToolCallFormats };
        if (!computes)
        {
            RoutedModel routed = RoutedModel.Load(options.Model!, options.Routing, loggers, chat, start);
            return (routed, routed.Policy);
        }

        LoadedModel loaded = await LoadedModel.LoadAsync(options.Model!, options.Engine.ToOptions(), loggers, chat, start);
        return (loaded, loaded.Policy);
    }

    /// <summary>An engine for others: dialects and weights, without rollouts, tools or a database.</summary>
    private static async Task<int> RunNodeAsync(GatewayOptions options, string? pluginFolder, CancellationToken cancellationToken)
    {
        string folder = ModelFolder.Find(options.Model);
        options.Model = Path.GetFullPath(folder);
        WeightFolder weights = WeightFolder.Open(options.WeightsPath());
        StartWeights? start = weights.Current is { } current ? new StartWeights(current.Path, current.Version) : null;
        using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddSimpleConsole());
        (IAsyncDisposable owner, Policy policy) = await LoadAsync(options, computes: true, start, PluginSet.Load(pluginFolder, loggers), loggers);
        await using IAsyncDisposable model = owner;
        await using EmbeddingModel? embedding = LoadEmbedding(options, loggers);
        await using WebApplication app = GatewayApplication.BuildNode(options, policy, weights, services =>
        {
            if (embedding is not null)
                services.AddSingleton(embedding);
        });
        Log.ServingEngine(app.Logger, policy.Name, folder);
        await app.RunAsync(cancellationToken);
        return ExitCodes.Success;
    }

    private static async Task<int> RunAsync(GatewayOptions options, bool computes, string? pluginFolder, CancellationToken cancellationToken)
    {
        ToolBusOptions? workers = options.ToolBus.ToOptions();
        string folder = ModelFolder.Find(options.Model);
        options.Model = Path.GetFullPath(folder);
        await using GatewayDatabase database = GatewayDatabase.Open(options.Database, options.Durability);
        WeightFolder weights = WeightFolder.Open(options.WeightsPath());
        StartWeights? start = weights.Current is { } current ? new StartWeights(current.Path, current.Version) : null;
        using ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddSimpleConsole());
        PluginSet plugins = PluginSet.Load(pluginFolder, loggers);
        (IAsyncDisposable owner, Policy policy) = await LoadAsync(options, computes, start, plugins, loggers);
        await using IAsyncDisposable model = owner;
        await using ModelReward? reward = options.RewardModel is { } rewardFolder
            ? ModelReward.Load(ModelFolder.Find(rewardFolder), options.Engine.ToOptions(), loggers)
            : null;
        await using EmbeddingModel? embedding = LoadEmbedding(options, loggers);
        // Workers have sandboxes of their own.
        using SandboxParts? sandbox = workers is null ? await SandboxParts.OpenAsync(options.Sandbox, loggers, cancellationToken) : null;
        // Opened here, so that a bad corpus stops the start with its sentence.
        Func<IServiceProvider, ISearchProvider> search = RolloutParts.OpenSearch(options);
        await using WebApplication app = GatewayApplication.Build(options, policy, database, weights, services =>
        {
            if (workers is not null)
                services.AddTools(tools => tools.MaxConcurrentCalls = options.ToolBus.CallsInFlight);
            services.AddRolloutParts(search, sandbox, plugins, workers, sandboxedWorkers: workers is not null && options.Sandbox is not null);
            if (reward is not null)
                services.AddSingleton(reward);
            if (embedding is not null)
                services.AddSingleton(embedding);
        });
        // Made here, so that names that are taken twice stop the start with their sentence.
        app.Services.GetRequiredService<EnvironmentCatalog>();
        if (!computes)
            await app.Services.GetRequiredService<EngineFleet>().AddConfiguredAsync(cancellationToken);
        Log.Serving(app.Logger, policy.Name, folder, database.Name);
        await app.RunAsync(cancellationToken);
        return ExitCodes.Success;
    }

    private static EmbeddingModel? LoadEmbedding(GatewayOptions options, ILoggerFactory loggers) =>
        options.EmbeddingModel is { } folder ? EmbeddingModel.Load(ModelFolder.Find(folder), options.Engine.ToOptions(), loggers) : null;
}
