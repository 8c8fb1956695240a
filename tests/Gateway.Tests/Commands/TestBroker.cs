using System.Diagnostics;
using System.Globalization;
using System.Net.NetworkInformation;
using AgentRollout.Testing;

namespace AgentRollout.Gateway.Tests.Commands;

/// <summary>A broker of a test's own, which it may kill.</summary>
internal sealed class TestBroker : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"agentrollout-broker-{Guid.NewGuid():N}");

    private readonly string _port;

    private TestBroker(string port) => _port = port;

    public string Url { get; private set; } = "";

    /// <param name="port">Another for each test that may run beside others.</param>
    public static async Task<TestBroker> StartAsync(string port = "5684")
    {
        TestBroker broker = new(port);
        await broker.RunAsync("start-rabbitmq.sh");
        return broker;
    }

    /// <summary>SIGKILL, and a start on the same files.</summary>
    public async Task KillAndStartAsync()
    {
        using (Process process = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(Path.Combine(_root, "pid")))))
            process.Kill();
        // Its port, not its process: a process of nobody's may stay a zombie.
        while (IsListening())
            await Task.Delay(50);

        await RunAsync("start-rabbitmq.sh");
    }

    private bool IsListening() => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners()
        .Any(listener => listener.Port == int.Parse(_port, CultureInfo.InvariantCulture));

    public void Dispose()
    {
        RunAsync("stop-rabbitmq.sh").GetAwaiter().GetResult();
        Directory.Delete(_root, recursive: true);
    }

    private async Task RunAsync(string script)
    {
        ProcessStartInfo start = new(SharedFiles.InRepository("docker", script)) { RedirectStandardOutput = true };
        start.Environment.Remove("AGENTROLLOUT_RABBITMQ_URL");
        start.Environment["AGENTROLLOUT_RABBITMQ_ROOT"] = _root;
        start.Environment["AGENTROLLOUT_RABBITMQ_PORT"] = _port;
        using Process process = Process.Start(start)!;
        string url = (await process.StandardOutput.ReadToEndAsync()).Trim();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            SharedFiles.Missing($"docker/{script} ended with exit code {process.ExitCode}; it needs root for a broker of its own.");
        if (url is not "")
            Url = url;
    }
}
