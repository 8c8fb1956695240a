using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>Tools and their dispatcher, started without a host, as a command line does it.</summary>
internal sealed class ToolHost : IAsyncDisposable
{
    private readonly ServiceProvider _provider;
    private bool _disposed;

    private ToolHost(ServiceProvider provider) => _provider = provider;

    public IToolDispatcher Dispatcher => Get<IToolDispatcher>();

    public static async Task<ToolHost> StartAsync(
        IEnumerable<ITool> tools, Action<IServiceCollection> register, Action<ToolOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
        foreach (ITool tool in tools)
            services.AddSingleton(tool);
        services.AddTools(configure);
        register(services);
        var host = new ToolHost(services.BuildServiceProvider());
        foreach (IHostedService service in host._provider.GetServices<IHostedService>())
            await service.StartAsync(default);
        return host;
    }

    public T Get<T>()
        where T : notnull => _provider.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (IHostedService service in _provider.GetServices<IHostedService>())
            await service.StopAsync(default);
        await _provider.DisposeAsync();
    }
}
