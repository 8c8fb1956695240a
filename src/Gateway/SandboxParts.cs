using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway;

/// <summary>A runtime that is ready, and what to make on it. Disposed after the services that use it.</summary>
internal sealed class SandboxParts(ISandboxRuntime runtime, SandboxSettings settings) : IDisposable
{
    public ISandboxRuntime Runtime => runtime;

    public SandboxPoolOptions Pool { get; } = settings.ToPoolOptions();

    public int ConcurrentPrograms => settings.ConcurrentPrograms;

    /// <summary>Connects to the runtime that the settings name; null where there are none.</summary>
    /// <exception cref="SandboxException">No runtime is ready.</exception>
    public static async Task<SandboxParts?> OpenAsync(SandboxSettings? settings, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        settings is null
            ? null
            : new SandboxParts(
                await SandboxRuntimes.OpenAsync(settings.ToRuntimeOptions(), TimeProvider.System, loggers, cancellationToken), settings);

    public void Dispose() => (runtime as IDisposable)?.Dispose();
}
