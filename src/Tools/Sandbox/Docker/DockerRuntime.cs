using System.Globalization;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>
/// Sandboxes as containers: no network, nothing writable but three file systems in memory, no capabilities, no privileges to gain, a user
/// without rights, no logs, a seccomp profile that knows what programs need and nothing else, and limits on memory, processors, processes and
/// files. The agent program is the container's init: it reaps orphans, and no process inside can signal it.
/// </summary>
public sealed class DockerRuntime : ISandboxRuntime, IDisposable
{
    /// <summary>The label that every container of this program carries, with its owner (<see cref="SandboxOwner"/>).</summary>
    internal const string OwnerLabel = "agentrollout.owner";

    internal const string TrajectoryLabel = "agentrollout.trajectory";

    internal const string ExpiryLabel = "agentrollout.expires";

    private readonly DockerClient _docker;
    private readonly string _image;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private DockerRuntime(DockerEndpoint endpoint, string image, TimeProvider time, ILogger logger)
    {
        _docker = new DockerClient(endpoint);
        _image = image;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc/>
    public string Name => "docker";

    /// <summary>Connects, and makes sure that the image is there and that every limit will hold.</summary>
    /// <param name="image">Has Python 3.11 or newer at <c>/usr/bin/python3</c>; docker/sandbox builds one.</param>
    /// <exception cref="SandboxException">The engine does not answer, lacks the image, or cannot enforce a limit.</exception>
    public static async Task<DockerRuntime> ConnectAsync(
        DockerEndpoint endpoint, string image, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        DockerRuntime runtime = new(endpoint, image, time, logger);
        try
        {
            await runtime._docker.PingAsync(cancellationToken);
            EngineInfo info = await runtime._docker.InfoAsync(cancellationToken);
            if (FindGap(info) is { } gap)
                throw new SandboxException($"Docker at '{endpoint}' cannot enforce {gap}, which sandboxes need.");
            if (!await runtime._docker.HasImageAsync(image, cancellationToken))
                throw new SandboxException($"Docker at '{endpoint}' has no image '{image}'; docker/sandbox/build.sh builds it.");
            return runtime;
        }
        catch
        {
            runtime.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<ISandbox> StartAsync(SandboxOptions options, string? label, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string name = $"agentrollout-{Guid.CreateVersion7(_time.GetUtcNow()):N}";
        // The engine finishes what it has begun whether or not anybody waits, so a start is always seen to its end, and then undone if need be.
        Task<ISandbox> starting = CreateAsync(name, ContainerSpec.Create(_image, options, Labels(options, label)));
        try
        {
            return await starting.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = DiscardAsync(starting);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<int> RemoveLeftoversAsync(CancellationToken cancellationToken)
    {
        int removed = 0;
        foreach (ContainerLine container in await _docker.ListAsync(OwnerLabel, cancellationToken))
        {
            if (!SandboxOwner.IsDead(container.Labels[OwnerLabel]) && !IsExpired(container))
                continue;
            await _docker.RemoveAsync(container.Id, cancellationToken);
            removed++;
        }

        return removed;
    }

    public void Dispose() => _docker.Dispose();

    private async Task<ISandbox> CreateAsync(string name, ContainerRequest request)
    {
        try
        {
            string id = await _docker.CreateAsync(name, request, CancellationToken.None);
            Stream attached = await _docker.AttachAsync(id, CancellationToken.None);
            await _docker.StartAsync(id, CancellationToken.None);
            return new DockerSandbox(_docker, id, attached);
        }
        catch (DockerException)
        {
            await RemoveQuietlyAsync(name);
            throw;
        }
    }

    private static async Task DiscardAsync(Task<ISandbox> starting)
    {
        await ((Task)starting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (starting.IsCompletedSuccessfully)
            await (await starting).DisposeAsync();
    }

    private async Task RemoveQuietlyAsync(string name)
    {
        try
        {
            await _docker.RemoveAsync(name, CancellationToken.None);
        }
        catch (DockerException error)
        {
            Log.SandboxLeft(_logger, name, error);
        }
    }

    private Dictionary<string, string> Labels(SandboxOptions options, string? label) => new()
    {
        [OwnerLabel] = SandboxOwner.Current,
        [TrajectoryLabel] = label ?? "",
        [ExpiryLabel] = _time.GetUtcNow().AddSeconds(options.LifetimeSeconds).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
    };

    private bool IsExpired(ContainerLine container) =>
        container.Labels.TryGetValue(ExpiryLabel, out string? text)
        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long expires)
        && expires <= _time.GetUtcNow().ToUnixTimeSeconds();

    private static string? FindGap(EngineInfo info) => info switch
    {
        { MemoryLimit: false } => "memory limits",
        { PidsLimit: false } => "limits on processes",
        { CpuCfsQuota: false } => "processor quotas",
        _ when info.SecurityOptions is not { } options || !options.Any(option => option.Contains("seccomp", StringComparison.Ordinal)) => "seccomp profiles",
        _ => null,
    };
}
