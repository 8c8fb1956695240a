using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;

namespace AgentRollout.Gateway;

/// <summary>What <c>serve</c> and <c>rollout</c> share: the registered tools and environments, and the bus between them.</summary>
internal static class RolloutParts
{
    public static IServiceCollection AddRolloutParts(this IServiceCollection services) => services
        .AddSingleton(_ => CalculatorTool.Create())
        .AddSingleton(_ => LookupFacts.OpenIndex())
        .AddSingleton(provider => LookupFacts.CreateSearchTool(provider.GetRequiredService<Tools.Search.LocalIndexSearch>()))
        .AddToolBus()
        .AddSingleton(provider => new EnvironmentCatalog(
            [ArithmeticEnvironment.Definition, LookupEnvironment.Definition], provider.GetRequiredService<ToolCatalog>()));
}
