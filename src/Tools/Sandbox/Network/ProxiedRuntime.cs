namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>Gives each sandbox of a runtime a proxy of its own, which lives as long as the sandbox.</summary>
internal sealed class ProxiedRuntime(ISandboxRuntime inner, SandboxNetwork network) : ISandboxRuntime, IDisposable
{
    public string Name => inner.Name;

    public async Task<ISandbox> StartAsync(SandboxOptions options, string? label, CancellationToken cancellationToken)
    {
        SandboxProxy proxy = network.Open();
        try
        {
            return new ProxiedSandbox(await inner.StartAsync(options with { ProxyFolder = proxy.Folder }, label, cancellationToken), proxy);
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }
    }

    public Task<int> RemoveLeftoversAsync(CancellationToken cancellationToken) => inner.RemoveLeftoversAsync(cancellationToken);

    public void Dispose()
    {
        (inner as IDisposable)?.Dispose();
        network.Dispose();
    }

    /// <summary>The sandbox first: while it lives its proxy is there.</summary>
    private sealed class ProxiedSandbox(ISandbox sandbox, SandboxProxy proxy) : ISandbox
    {
        private int _disposed;

        public string Id => sandbox.Id;

        public Stream Input => sandbox.Input;

        public Stream Output => sandbox.Output;

        public Task KillAsync() => sandbox.KillAsync();

        public async ValueTask DisposeAsync()
        {
            await sandbox.DisposeAsync();
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                await proxy.DisposeAsync();
        }
    }
}
