using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Reliability;

/// <summary>The server in a process of its own, which can be killed and started again over the same database.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string _config;
    private readonly string? _roles;
    private readonly List<string> _errors = [];
    private Process? _process;

    /// <param name="folder">Gets the database.</param>
    /// <param name="database">A database elsewhere; null for a file in the folder.</param>
    /// <param name="roles">What the process does; null for all.</param>
    public ServerProcess(string folder, string? database = null, string? roles = null)
    {
        _roles = roles;
        int port = TestPorts.Free();
        Database = database ?? Path.Combine(folder, "server.db");
        _config = Path.GetTempFileName();
        File.WriteAllText(_config, JsonSerializer.Serialize(new
        {
            urls = new[] { $"http://127.0.0.1:{port}" },
            model = SharedFiles.InRepository("models", "tiny-agent"),
            database = Database,
            weights_folder = _config + ".weights",
            engine = new { threads = 1 },
        }));
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Patience };
    }

    public string Database { get; }

    public HttpClient Client { get; }

    public IReadOnlyList<string> Errors
    {
        get
        {
            lock (_errors)
                return [.. _errors];
        }
    }

    /// <summary>Starts the server and waits until it is ready.</summary>
    public async Task StartAsync()
    {
        _process = Start();
        await WaitAsync(async () =>
        {
            Assert.False(_process.HasExited, $"The server ended by itself: {string.Join('\n', Errors)}");
            try
            {
                return (await Client.GetAsync("/health/ready")).IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    /// <summary>Starts a server that ends by itself, and returns its exit code and what it said.</summary>
    public async Task<(int ExitCode, string Said)> FailToStartAsync()
    {
        using Process process = Start();
        await process.WaitForExitAsync();
        return (process.ExitCode, string.Join('\n', Errors));
    }

    /// <summary>Kills the server: no code of it runs any more.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Starts a rollout of generated tasks and returns its id.</summary>
    public async Task<string> BeginAsync(string environment, int tasks, int samples, long seed)
    {
        using HttpResponseMessage response = await Client.PostAsJsonAsync("/v1/rollouts", new
        {
            environment,
            task_set = new { split = "test", offset = 0, count = tasks },
            samples_per_task = samples,
            seed,
        });
        JsonElement body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, body.GetRawText());
        return body.GetProperty("id").GetString()!;
    }

    public async Task<string> StateAsync(string rollout) =>
        (await Client.GetFromJsonAsync<JsonElement>($"/v1/rollouts/{rollout}")).GetProperty("state").GetString()!;

    /// <summary>Waits for the end of a rollout and returns its trajectories.</summary>
    public async Task<IReadOnlyList<Trajectory>> FinishAsync(string rollout)
    {
        await WaitAsync(async () => await StateAsync(rollout) is not ("queued" or "running"));
        Assert.Equal("completed", await StateAsync(rollout));
        JsonElement all = await Client.GetFromJsonAsync<JsonElement>($"/v1/rollouts/{rollout}/trajectories");
        return [.. all.EnumerateArray().Select(json => TrajectoryJson.Deserialize(System.Text.Encoding.UTF8.GetBytes(json.GetRawText())))];
    }

    public static async Task WaitAsync(Func<Task<bool>> condition)
    {
        long started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < Patience, "The server did not get there in time.");
            await Task.Delay(50);
        }
    }

    public void Dispose()
    {
        _process?.Kill();
        _process?.WaitForExit();
        _process?.Dispose();
        Client.Dispose();
        File.Delete(_config);
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_errors)
            _errors.Add(line);
    }

    private Process Start()
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "agentrollout.dll"), "serve", "--config", _config, .. _roles is null ? Array.Empty<string>() : ["--roles", _roles]])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
