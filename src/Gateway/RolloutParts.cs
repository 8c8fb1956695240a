using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Code;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Dialects.SandboxFusion;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Search;

namespace AgentRollout.Gateway;

/// <summary>What <c>serve</c>, <c>rollout</c> and <c>tool-worker</c> share: the registered tools and environments, and the bus between them.</summary>
internal static class RolloutParts
{
    /// <param name="services">Gets the parts.</param>
    /// <param name="openSearch">Opens what <c>search</c> searches; the services dispose it.</param>
    /// <param name="sandbox">Where sandboxed tools run; null offers neither them nor what needs them, unless workers run them.</param>
    /// <param name="plugins">What other people add; null for nothing.</param>
    /// <param name="workers">The broker that carries calls to workers; null runs them in this process.</param>
    /// <param name="sandboxedWorkers">Whether the workers run sandboxed tools.</param>
    public static IServiceCollection AddRolloutParts(
        this IServiceCollection services,
        Func<IServiceProvider, ISearchProvider> openSearch,
        SandboxParts? sandbox = null,
        PluginSet? plugins = null,
        ToolBusOptions? workers = null,
        bool sandboxedWorkers = false)
    {
        plugins ??= PluginSet.None;
        RewardCatalog rewards = new(plugins.All);
        services.AddRolloutTools(openSearch, sandbox, plugins);
        if (sandboxedWorkers)
            services.AddSandboxTools();
        _ = workers is null ? services.AddToolBus() : services.AddToolBus(workers);
        List<EnvironmentDefinition> environments = [ArithmeticEnvironment.Define(rewards), LookupEnvironment.Define(rewards)];
        if (sandbox is not null || sandboxedWorkers)
            environments.Add(CodeEnvironment.Define(rewards));
        environments.AddRange(plugins.All.SelectMany(plugin => plugin.Environments));
        return services.AddSingleton(provider => new EnvironmentCatalog(environments, provider.GetRequiredService<ToolCatalog>()));
    }

    /// <summary>The tools alone, as a worker has them.</summary>
    public static IServiceCollection AddRolloutTools(
        this IServiceCollection services, Func<IServiceProvider, ISearchProvider> openSearch, SandboxParts? sandbox, PluginSet plugins)
    {
        services
            .AddSingleton(_ => CalculatorTool.Create())
            .AddHttpClient()
            .AddSingleton(openSearch)
            .AddSingleton(provider => LookupFacts.CreateSearchTool(provider.GetRequiredService<ISearchProvider>()));
        plugins.AddTools(services);
        return sandbox is null ? services : services.AddSandbox(sandbox);
    }

    /// <summary>What the settings let <c>search</c> search. An index is opened at once, so that a bad one stops the start with its sentence.</summary>
    public static Func<IServiceProvider, ISearchProvider> OpenSearch(GatewayOptions options)
    {
        if (options.SearchUrl is { } url)
            return services => new HttpSearch(services.GetRequiredService<IHttpClientFactory>().CreateClient(), new Uri(url));
        LocalIndexSearch index = OpenIndex(options);
        return _ => index;
    }

    private static LocalIndexSearch OpenIndex(GatewayOptions options) => options switch
    {
        { SearchCorpus: { } corpus, SearchIndex: { } index } => LocalIndexSearch.FromJsonLines(corpus, index, options.ToSearchOptions()),
        { SearchCorpus: { } corpus } => LocalIndexSearch.FromJsonLines(corpus, options.ToSearchOptions()),
        { SearchIndex: { } index } => LocalIndexSearch.FromIndex(index, options.ToSearchOptions()),
        _ => LookupFacts.OpenIndex(),
    };

    /// <summary>The tools that run in sandboxes, and the programs of <c>POST /run_code</c>.</summary>
    internal static IServiceCollection AddSandbox(this IServiceCollection services, SandboxParts sandbox) => services
        .AddSandboxTools(sandbox.Runtime, sandbox.Pool)
        .AddSingleton(provider => new ProgramRunner(
            provider.GetRequiredService<SandboxPool>(), sandbox.ConcurrentPrograms, provider.GetRequiredService<TimeProvider>()));
}
