using System.ComponentModel;
using System.Diagnostics;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>
/// Sandboxes by Bubblewrap and control groups, for machines without a Docker Engine: the same limits and the same system call profile, over the
/// machine's own <c>/usr</c>. The agent program is PID 1 of each; its name carries owner and expiry.
/// </summary>
public sealed class BubblewrapRuntime : ISandboxRuntime
{
    private static readonly TimeSpan TrialTimeout = TimeSpan.FromSeconds(60);
    private static readonly SandboxOptions TrialLimits = new() { MemoryMib = 128 };
    private static readonly string[] Trial = ["/usr/bin/python3", "-I", "-c", "import sys; sys.version_info >= (3, 11) or sys.exit('Python is older than 3.11.')"];

    private readonly ControlGroups _groups;
    private readonly byte[] _filter;
    private readonly TimeProvider _time;

    private BubblewrapRuntime(ControlGroups groups, byte[] filter, TimeProvider time)
    {
        _groups = groups;
        _filter = filter;
        _time = time;
    }

    /// <inheritdoc/>
    public string Name => "bubblewrap";

    /// <summary>Runs a program in a sandbox, and so makes sure that all of it works on this machine.</summary>
    /// <exception cref="SandboxException">Something is missing; the message says what.</exception>
    public static async Task<BubblewrapRuntime> ConnectAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
            throw new SandboxException("Bubblewrap sandboxes need Linux.");
        if (!Environment.IsPrivilegedProcess)
            throw new SandboxException("Bubblewrap sandboxes need control groups and mounts, so run the server as root; sandboxes themselves never run as root.");
        BubblewrapRuntime runtime = new(new ControlGroups(), SeccompFilter.Compile(SeccompProfile.Load()), time);
        await runtime.TryOutAsync(cancellationToken);
        return runtime;
    }

    /// <inheritdoc/>
    public async Task<ISandbox> StartAsync(SandboxOptions options, string? label, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        (ControlGroup group, Process launcher) = await LaunchAsync(options, label, SandboxAgent.Command());
        return new BubblewrapSandbox(launcher, group);
    }

    /// <inheritdoc/>
    public async Task<int> RemoveLeftoversAsync(CancellationToken cancellationToken)
    {
        int removed = 0;
        foreach (ControlGroup group in _groups.List())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (BubblewrapName.TryParse(group.Name, out string owner, out long expires)
                && (SandboxOwner.IsDead(owner) || expires <= _time.GetUtcNow().ToUnixTimeSeconds())
                && await group.RemoveAsync())
            {
                removed++;
            }
        }

        return removed;
    }

    /// <summary>The names of this process's sandboxes.</summary>
    public IEnumerable<string> ListOwn() => _groups.List()
        .Select(group => group.Name)
        .Where(name => BubblewrapName.TryParse(name, out string owner, out _) && owner == SandboxOwner.Current);

    private async Task TryOutAsync(CancellationToken cancellationToken)
    {
        (ControlGroup group, Process launcher) = await LaunchAsync(TrialLimits, "trial", Trial);
        using (launcher)
        {
            try
            {
                using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(TrialTimeout);
                string said = (await launcher.StandardError.ReadToEndAsync(limit.Token)).Trim();
                await launcher.WaitForExitAsync(limit.Token);
                if (launcher.ExitCode != 0)
                    throw new SandboxException($"A trial of Bubblewrap ended with exit code {launcher.ExitCode}: {said} Sandboxes need the packages bubblewrap, util-linux and python3 (3.11 or newer).");
            }
            catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
            {
                throw new SandboxException($"A trial of Bubblewrap took longer than {TrialTimeout.TotalSeconds} s.", error);
            }
            finally
            {
                await group.RemoveAsync();
            }
        }
    }

    private async Task<(ControlGroup Group, Process Launcher)> LaunchAsync(SandboxOptions options, string? label, IReadOnlyList<string> command)
    {
        ControlGroup group = await _groups.CreateAsync(BubblewrapName.Create(options, _time), options);
        try
        {
            ProcessStartInfo line = LaunchLine.Create(group, options, $"agentrollout-sandbox:{label}", _filter, command);
            return (group, Process.Start(line) ?? throw new InvalidOperationException("No process was started."));
        }
        catch (Win32Exception error)
        {
            await group.RemoveAsync();
            throw new SandboxException($"A sandbox cannot be launched: {error.Message}", error);
        }
    }
}
