using System.Diagnostics;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>The processes of a control group, and the pipes to the first one in the sandbox.</summary>
internal sealed class BubblewrapSandbox(Process launcher, ControlGroup group) : ISandbox
{
    private readonly OutputPump _output = new(launcher.StandardOutput.BaseStream);
    private bool _disposed;

    public string Id => group.Name;

    public Stream Input { get; } = launcher.StandardInput.BaseStream;

    public Stream Output => _output.Output;

    public Task KillAsync() => group.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
            return;
        try
        {
            await group.RemoveAsync();
            await launcher.WaitForExitAsync();
        }
        catch (SandboxException)
        {
            // The name of the group still lets the next start or the reaper remove it.
        }

        _output.Stop();
        launcher.Dispose();
    }
}
