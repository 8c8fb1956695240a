using System.ComponentModel;
using System.Diagnostics;

namespace AgentRollout.Gateway.Bench;

/// <summary>The program <c>docker</c>, to which sandboxes are compared.</summary>
internal sealed class DockerCommand(string? host)
{
    /// <summary>The times of this many runs; null where the program is not there or fails.</summary>
    public async Task<Percentiles?> MeasureAsync(int runs, params string[] arguments)
    {
        List<TimeSpan> times = [];
        for (int i = 0; i < runs; i++)
        {
            long started = Stopwatch.GetTimestamp();
            if (await RunAsync(arguments) is null)
                return null;
            times.Add(Stopwatch.GetElapsedTime(started));
        }

        return Percentiles.Of(times);
    }

    /// <summary>What one run prints; null where the program is not there or fails.</summary>
    public async Task<string?> RunAsync(params string[] arguments)
    {
        ProcessStartInfo start = new("docker", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (host is not null)
            start.Environment["DOCKER_HOST"] = host;
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = await process.StandardOutput.ReadToEndAsync();
            await errors;
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
