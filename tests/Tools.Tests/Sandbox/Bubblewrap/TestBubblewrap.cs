using AgentRollout.Testing;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Bubblewrap;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

/// <summary>Bubblewrap on this machine; test.sh installs it.</summary>
internal static class TestBubblewrap
{
    /// <summary>The collection of tests that count or kill the sandboxes of this process, and so run one after the other.</summary>
    public const string Name = "Bubblewrap";

    /// <summary>Skips the running test with the reason where Bubblewrap is not ready; with <c>CI=true</c> fails it.</summary>
    public static async Task<BubblewrapRuntime> OpenAsync()
    {
        try
        {
            return await BubblewrapRuntime.ConnectAsync(TimeProvider.System, CancellationToken.None);
        }
        catch (SandboxException error)
        {
            SharedFiles.Missing(error.Message);
            throw;
        }
    }
}
