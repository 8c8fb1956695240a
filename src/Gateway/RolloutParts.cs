using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Search;

namespace AgentRollout.Gateway;

/// <summary>What <c>serve</c> and <c>rollout</c> share: the registered tools and environments, and the bus between them.</summary>
internal static class RolloutParts
{
    /// <param name="services">Gets the parts.</param>
    /// <param name="openSearch">Opens what <c>search</c> searches; the services dispose it.</param>
    public static IServiceCollection AddRolloutParts(this IServiceCollection services, Func<IServiceProvider, ISearchProvider> openSearch) => services
        .AddSingleton(_ => CalculatorTool.Create())
        .AddHttpClient()
        .AddSingleton(openSearch)
        .AddSingleton(provider => LookupFacts.CreateSearchTool(provider.GetRequiredService<ISearchProvider>()))
        .AddToolBus()
        .AddSingleton(provider => new EnvironmentCatalog(
            [ArithmeticEnvironment.Definition, LookupEnvironment.Definition], provider.GetRequiredService<ToolCatalog>()));
}
