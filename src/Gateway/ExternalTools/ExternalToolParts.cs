using AgentRollout.Gateway.Storage;
using AgentRollout.Tools;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Verl;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>Other people's tools.</summary>
internal static class ExternalToolParts
{
    /// <summary>Those that the settings name.</summary>
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
            services.AddSingleton(provider => LoadVerl(file, provider.GetRequiredService<HttpToolClient>()));
            services.AddSingleton<ITrajectoryEnd>(provider => provider.GetRequiredService<VerlToolSet>());
            services.AddSingleton(provider => new ToolSource("setting 'verl_tools'", provider.GetRequiredService<VerlToolSet>().Tools));
        }

        return services;
    }

    /// <summary>Those that clients register.</summary>
    public static IServiceCollection AddToolRegistry(this IServiceCollection services) => services
        .AddSingleton<ToolStore>()
        .AddSingleton<ToolRegistry>()
        .AddHostedService(provider => provider.GetRequiredService<ToolRegistry>());

    private static VerlToolSet LoadVerl(string file, HttpToolClient client)
    {
        VerlToolSet tools = VerlToolSet.Load(file, client);
        return tools.McpServers is [var first, ..]
            ? throw new ToolException($"Tool file '{file}' takes tools from the MCP servers of '{first.ConfigPath}', which cannot be reached from here.")
            : tools;
    }
}
