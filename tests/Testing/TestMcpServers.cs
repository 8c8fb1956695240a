using System.Diagnostics;
using System.Globalization;

namespace AgentRollout.Testing;

/// <summary>The MCP servers of npm that <c>tests/Services/mcp-everything/install.sh</c> installs.</summary>
public static class TestMcpServers
{
    private const string Variable = "MCP_SERVERS";

    /// <summary>The program that runs them.</summary>
    public const string Node = "node";

    // Node.js 18, which Debian 12 has, does not offer it without being asked; later ones take the option and need it not.
    private const string WebCrypto = "--experimental-global-webcrypto";

    /// <summary>Arguments of the third-party server <c>@modelcontextprotocol/server-everything</c>, with <c>stdio</c>, <c>sse</c> or <c>streamableHttp</c>.</summary>
    public static string[] Everything(string transport) =>
        [WebCrypto, Find("node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js"), transport];

    /// <summary>Arguments of the server of what is rare.</summary>
    public static string[] Odd() => [Find("odd.mjs")];

    /// <summary>The third-party server on a loopback port of its own.</summary>
    /// <param name="transport"><c>sse</c> or <c>streamableHttp</c>.</param>
    /// <param name="port">0 for a free one.</param>
    public static async Task<TestMcpHttpServer> ListenAsync(string transport, int port = 0)
    {
        ProcessStartInfo start = new(Node, Everything(transport)) { RedirectStandardError = true, RedirectStandardOutput = true };
        port = port == 0 ? TestPorts.Free() : port;
        start.Environment["PORT"] = port.ToString(CultureInfo.InvariantCulture);
        Process process = new() { StartInfo = start };
        TaskCompletionSource listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null || line.Data.Contains(start.Environment["PORT"]!, StringComparison.Ordinal))
                listening.TrySetResult();
        };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await listening.Task;
        return new TestMcpHttpServer(process, port);
    }

    private static string Find(params ReadOnlySpan<string> parts)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } folder)
        {
            SharedFiles.Missing($"The MCP servers of npm are not installed: {Variable} is not set (export {Variable}=$(tests/Services/mcp-everything/install.sh)).");
            throw new InvalidOperationException();
        }

        return Path.Combine([folder, .. parts]);
    }
}

/// <summary>A server of a test, ended with it.</summary>
public sealed class TestMcpHttpServer(Process process, int port) : IDisposable
{
    public int Port => port;

    public string Url => $"http://127.0.0.1:{port}";

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }
}
