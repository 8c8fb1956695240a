using System.Diagnostics;

namespace AgentRollout.Gateway.Tests.Commands;

/// <summary>An <c>agentrollout tool-worker</c> as its user starts it.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _redeliveries;

    private WorkerProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Redeliveries => Volatile.Read(ref _redeliveries);

    public static async Task<WorkerProcess> StartAsync(string config, string broker)
    {
        ProcessStartInfo start = new("dotnet", [typeof(GatewayOptions).Assembly.Location, "tool-worker", "--config", config])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["AGENTROLLOUT_RABBITMQ_URL"] = broker;
        WorkerProcess worker = new(Process.Start(start)!);
        try
        {
            await worker._joined.Task.WaitAsync(TimeSpan.FromMinutes(2));
            return worker;
        }
        catch
        {
            worker.Dispose();
            throw;
        }
    }

    /// <summary>SIGKILL.</summary>
    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
            return;
        if (line.Contains("Takes calls of", StringComparison.Ordinal))
            _joined.TrySetResult();
        if (line.Contains("was delivered again", StringComparison.Ordinal))
            Interlocked.Increment(ref _redeliveries);
    }
}
