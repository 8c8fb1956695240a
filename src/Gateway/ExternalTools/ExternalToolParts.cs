using AgentRollout.Gateway.Storage;
using AgentRollout.Tools;
using AgentRollout.Tools.Http;
using AgentRollout.Tools.Verl;

namespace AgentRollout.Gateway.ExternalTools;

/// <summary>Other people's tools: those that the settings name, and those that clients register.</summary>
internal static class ExternalToolParts
{
    public static IServiceCollection AddExternalTools(this IServiceCollection services, GatewayOptions options)
    {
        services.AddSingleton(provider => new HttpToolClient(provider.GetRequiredService<TimeProvider>()));
        if (options.HttpTools is not [])
        {
            services.AddSingleton(provider => new ToolGroup(
                "setting 'http_tools'",
                [.. options.HttpTools.Select(tool => new HttpTool(tool, provider.GetRequiredService<HttpToolClient>()))]));
        }

        if (options.VerlTools is { } file)
        {
            services.AddSingleton(provider => Load(file, provider.GetRequiredService<HttpToolClient>()));
            services.AddSingleton<ITrajectoryEnd>(provider => provider.GetRequiredService<VerlToolSet>());
            services.AddSingleton(provider => new ToolGroup("setting 'verl_tools'", provider.GetRequiredService<VerlToolSet>().Tools));
        }

        services.AddSingleton<ToolStore>();
        services.AddSingleton<ToolRegistry>();
        services.AddHostedService(provider => provider.GetRequiredService<ToolRegistry>());
        return services;
    }

    private static VerlToolSet Load(string file, HttpToolClient client)
    {
        VerlToolSet tools = VerlToolSet.Load(file, client);
        return tools.McpServers is [var first, ..]
            ? throw new ToolException($"Tool file '{file}' takes tools from the MCP servers of '{first.ConfigPath}', which cannot be reached from here.")
            : tools;
    }
}
