using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Code;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Environments.Rewards;
using AgentRollout.Gateway.Dialects.SandboxFusion;
using AgentRollout.Gateway.Plugins;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Search;

namespace AgentRollout.Gateway;

/// <summary>What <c>serve</c> and <c>rollout</c> share: the registered tools and environments, and the bus between them.</summary>
internal static class RolloutParts
{
    /// <param name="services">Gets the parts.</param>
    /// <param name="openSearch">Opens what <c>search</c> searches; the services dispose it.</param>
    /// <param name="sandbox">Where sandboxed tools run; null offers neither them nor what needs them.</param>
    /// <param name="plugins">What other people add; null for nothing.</param>
    public static IServiceCollection AddRolloutParts(
        this IServiceCollection services, Func<IServiceProvider, ISearchProvider> openSearch, SandboxParts? sandbox = null, PluginSet? plugins = null)
    {
        plugins ??= PluginSet.None;
        RewardCatalog rewards = new(plugins.All);
        services
            .AddSingleton(_ => CalculatorTool.Create())
            .AddHttpClient()
            .AddSingleton(openSearch)
            .AddSingleton(provider => LookupFacts.CreateSearchTool(provider.GetRequiredService<ISearchProvider>()))
            .AddToolBus();
        plugins.AddTools(services);
        List<EnvironmentDefinition> environments = [ArithmeticEnvironment.Define(rewards), LookupEnvironment.Define(rewards)];
        if (sandbox is not null)
        {
            services.AddSandbox(sandbox);
            environments.Add(CodeEnvironment.Define(rewards));
        }

        environments.AddRange(plugins.All.SelectMany(plugin => plugin.Environments));
        return services.AddSingleton(provider => new EnvironmentCatalog(environments, provider.GetRequiredService<ToolCatalog>()));
    }

    /// <summary>The tools that run in sandboxes, and the programs of <c>POST /run_code</c>.</summary>
    internal static IServiceCollection AddSandbox(this IServiceCollection services, SandboxParts sandbox) => services
        .AddSandboxTools(sandbox.Runtime, sandbox.Pool)
        .AddSingleton(provider => new ProgramRunner(
            provider.GetRequiredService<SandboxPool>(), sandbox.ConcurrentPrograms, provider.GetRequiredService<TimeProvider>()));
}
