using System.Diagnostics;
using Xunit;

namespace AgentRollout.Testing;

/// <summary>The clients of npm that <c>tests/Services/npm-clients/install.sh</c> installs, each with a script of checks.</summary>
public static class TestNpmClients
{
    private const string Variable = "NPM_CLIENTS";

    /// <summary>Runs one check of a script against a server; what the script says where it fails fails the test.</summary>
    public static async Task CheckAsync(string script, string url, string check)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } folder)
        {
            SharedFiles.Missing($"The clients of npm are not installed: {Variable} is not set (export {Variable}=$(tests/Services/npm-clients/install.sh)).");
            return;
        }

        ProcessStartInfo start = new(TestMcpServers.Node, [Path.Combine(folder, script), url.TrimEnd('/'), check]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, error);
    }
}
