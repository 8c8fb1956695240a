using AgentRollout.Gateway.Storage;
using AgentRollout.Tools;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Mcp;
using AgentRollout.Tools.Verl;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>Other people's tools.</summary>
internal static class ExternalToolParts
{
    /// <summary>Those that the settings name. MCP servers start with the hosted services.</summary>
    public static IServiceCollection AddConfiguredTools(this IServiceCollection services, GatewayOptions options)
    {
        services.AddSingleton(provider => new HttpToolClient(provider.GetRequiredService<TimeProvider>()));
        if (options.HttpTools is not [])
        {
            services.AddSingleton(provider => new ToolSource(
                "setting 'http_tools'",
                [.. options.HttpTools.Select(tool => new HttpTool(tool, provider.GetRequiredService<HttpToolClient>()))]));
        }

        if (options.VerlTools is { } file)
        {
            services.AddSingleton(provider => VerlToolSet.Load(file, provider.GetRequiredService<HttpToolClient>()));
            services.AddSingleton<ITrajectoryEnd>(provider => provider.GetRequiredService<VerlToolSet>());
            services.AddSingleton(provider => new ToolSource("setting 'verl_tools'", provider.GetRequiredService<VerlToolSet>().Tools));
        }

        services.AddSingleton(provider => new McpServers(
            [.. options.McpServers, .. provider.GetService<VerlToolSet>()?.McpServers ?? []],
            provider.GetRequiredService<ToolCatalog>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<McpServer>>()));
        return services.AddHostedService(provider => provider.GetRequiredService<McpServers>());
    }

    /// <summary>Those that clients register, which take no name of the settings' since they come after them.</summary>
    public static IServiceCollection AddToolRegistry(this IServiceCollection services) => services
        .AddSingleton<ToolStore>()
        .AddSingleton<ToolRegistry>()
        .AddHostedService(provider => provider.GetRequiredService<ToolRegistry>());
}
