using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Sandbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AgentRollout.Tools;

/// <summary>Registers tools and the way that calls take to them.</summary>
public static class ToolServiceCollectionExtensions
{
    /// <summary>
    /// Adds a <see cref="ToolCatalog"/> of every registered <see cref="ITool"/> and <see cref="ToolSource"/>, and an <see cref="IToolDispatcher"/> that
    /// runs them in this process. Needs logging.
    /// </summary>
    public static IServiceCollection AddTools(this IServiceCollection services, Action<ToolOptions>? configure = null)
    {
        services.AddOptions<ToolOptions>().Configure(options => configure?.Invoke(options)).ValidateOnStart();
        services.TryAddSingleton<IValidateOptions<ToolOptions>, ToolOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new ToolCatalog(provider.GetServices<ITool>(), provider.GetServices<ToolSource>()));
        services.TryAddSingleton<ToolRunner>();
        services.TryAddSingleton<IToolRoute>(provider => provider.GetRequiredService<ToolRunner>());
        services.TryAddSingleton<IToolDispatcher, FairToolDispatcher>();
        return services;
    }

    /// <summary>
    /// Sends calls over an in-memory bus instead. A host starts and stops the bus; without one, start and stop the
    /// <see cref="IHostedService"/>s of the provider.
    /// </summary>
    public static IServiceCollection AddToolBus(this IServiceCollection services)
    {
        services.AddTools();
        services.TryAddSingleton<ExecuteToolConsumer>();
        services.TryAddSingleton(provider => ToolBus.CreateInMemory(
            provider.GetRequiredService<ExecuteToolConsumer>(),
            provider.GetRequiredService<IOptions<ToolOptions>>().Value,
            provider.GetRequiredService<ILoggerFactory>()));
        services.TryAddSingleton<BusToolRoute>();
        services.Replace(ServiceDescriptor.Singleton<IToolRoute>(provider => provider.GetRequiredService<BusToolRoute>()));
        services.AddHostedService(provider => provider.GetRequiredService<BusToolRoute>());
        return services;
    }

    /// <summary>
    /// Adds the tools of <see cref="SandboxTools"/> and the pool that they share. A host starts and stops the pool; without one, start and stop the
    /// <see cref="IHostedService"/>s of the provider.
    /// </summary>
    /// <param name="runtime">Makes the sandboxes; the caller disposes it after the services.</param>
    public static IServiceCollection AddSandboxTools(this IServiceCollection services, ISandboxRuntime runtime, SandboxPoolOptions options)
    {
        services.AddTools();
        services.AddSingleton(provider => new SandboxPool(
            runtime, options, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<SandboxPool>>()));
        services.AddSingleton<ITrajectoryEnd>(provider => provider.GetRequiredService<SandboxPool>());
        services.AddHostedService(provider => provider.GetRequiredService<SandboxPool>());
        services.AddSingleton<SandboxTools>();
        for (int i = 0; i < SandboxTools.Count; i++)
        {
            int index = i;
            services.AddSingleton(provider => provider.GetRequiredService<SandboxTools>().All[index]);
        }

        return services;
    }
}
