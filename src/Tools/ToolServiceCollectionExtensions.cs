using AgentRollout.Tools.Dispatch;
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
    /// Adds a <see cref="ToolCatalog"/> of every registered <see cref="ITool"/>, and an <see cref="IToolDispatcher"/> that runs them in this
    /// process. Needs logging.
    /// </summary>
    public static IServiceCollection AddTools(this IServiceCollection services, Action<ToolOptions>? configure = null)
    {
        services.AddOptions<ToolOptions>().Configure(options => configure?.Invoke(options)).ValidateOnStart();
        services.TryAddSingleton<IValidateOptions<ToolOptions>, ToolOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new ToolCatalog(provider.GetServices<ITool>()));
        services.TryAddSingleton<ToolRunner>();
        services.TryAddSingleton<IToolDispatcher, LocalToolDispatcher>();
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
        services.TryAddSingleton<BusToolDispatcher>();
        services.Replace(ServiceDescriptor.Singleton<IToolDispatcher>(provider => provider.GetRequiredService<BusToolDispatcher>()));
        services.AddHostedService(provider => provider.GetRequiredService<BusToolDispatcher>());
        return services;
    }
}
