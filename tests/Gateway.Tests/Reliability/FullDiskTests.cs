using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Reliability;

/// <summary>A database on a disk of its own that fills up or cannot be written any more. Needs the right to mount.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly string _disk = Directory.CreateTempSubdirectory("agentrollout-disk-").FullName;

    public FullDiskTests()
    {
        if (!OperatingSystem.IsLinux() || Mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", _disk) != 0)
            SharedFiles.Missing("A small disk cannot be mounted here; that needs root on Linux.");
    }

    public void Dispose()
    {
        Run("umount", _disk);
        Directory.Delete(_disk, recursive: true);
    }

    [Fact]
    public async Task On_a_full_disk_rollouts_wait_and_go_on_whole_once_there_is_room()
    {
        using ServerProcess server = new(_disk);
        await server.StartAsync();
        string id = await server.BeginAsync("lookup", 100, 8, seed: 1);

        await ServerProcess.WaitAsync(() => Task.FromResult(server.Errors.Any(line => line.Contains("cannot grow, because its disk is full; free some space there.", StringComparison.Ordinal))));
        Assert.Equal("running", await server.StateAsync(id));
        (HttpStatusCode status, string code) = await RefusedAsync(server);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "storage_unavailable"), (status, code));

        // Killed while the disk is full, it starts and waits on.
        await server.KillAsync();
        Assert.Equal(0, Mount("-o", "remount,size=64m", _disk));
        await server.StartAsync();
        IReadOnlyList<Trajectory> trajectories = await server.FinishAsync(id);

        Assert.Equal(800, trajectories.Select(trajectory => trajectory.Id).Distinct().Count());
        Assert.All(trajectories, trajectory => Assert.Null(TrajectoryAuditor.FindProblem(trajectory)));
    }

    [Fact]
    public async Task A_rollout_goes_on_by_itself_once_the_disk_has_room()
    {
        using ServerProcess server = new(_disk);
        await server.StartAsync();
        string id = await server.BeginAsync("arithmetic", 200, 8, seed: 1);
        await ServerProcess.WaitAsync(() => Task.FromResult(server.Errors.Any(line => line.Contains("its disk is full", StringComparison.Ordinal))));

        Assert.Equal(0, Mount("-o", "remount,size=64m", _disk));
        IReadOnlyList<Trajectory> trajectories = await server.FinishAsync(id);

        Assert.Equal(1_600, trajectories.Select(trajectory => trajectory.Id).Distinct().Count());
    }

    [Fact]
    public async Task On_a_read_only_disk_a_server_says_so_and_once_it_can_write_the_next_one_goes_on()
    {
        Assert.Equal(0, Mount("-o", "remount,size=64m", _disk));
        using ServerProcess server = new(_disk);
        await server.StartAsync();
        string id = await server.BeginAsync("lookup", 20, 8, seed: 1);
        await server.KillAsync();
        Assert.Equal(0, Mount("-o", "remount,ro", _disk));

        (int exitCode, string said) = await server.FailToStartAsync();

        Assert.NotEqual(0, exitCode);
        Assert.Contains($"Database '{server.Database}' is in use by another server or not writable", said, StringComparison.Ordinal);
        Assert.Equal(0, Mount("-o", "remount,rw", _disk));
        await server.StartAsync();
        Assert.Equal(160, (await server.FinishAsync(id)).Select(trajectory => trajectory.Id).Distinct().Count());
    }

    [Fact]
    public async Task A_file_that_may_only_be_read_stops_the_start_with_what_to_do()
    {
        Assert.Equal(0, Mount("-o", "remount,size=64m", _disk));
        using ServerProcess server = new(_disk);
        await server.StartAsync();
        string id = await server.BeginAsync("lookup", 20, 8, seed: 1);
        await server.KillAsync();
        Assert.Equal(0, Mount("--bind", server.Database, server.Database));
        try
        {
            Assert.Equal(0, Mount("-o", "remount,bind,ro", server.Database));

            (int exitCode, string said) = await server.FailToStartAsync();

            Assert.NotEqual(0, exitCode);
            Assert.Contains($"Database '{server.Database}' or its folder is read-only; let the server write there.", said, StringComparison.Ordinal);
        }
        finally
        {
            Run("umount", server.Database);
        }

        await server.StartAsync();
        Assert.Equal(160, (await server.FinishAsync(id)).Select(trajectory => trajectory.Id).Distinct().Count());
    }

    private static async Task<(HttpStatusCode Status, string Code)> RefusedAsync(ServerProcess server)
    {
        (HttpStatusCode, string) answer = default;
        await ServerProcess.WaitAsync(async () =>
        {
            // A small write may still find room.
            using HttpResponseMessage response = await server.Client.PostAsJsonAsync("/v1/rollouts", new
            {
                environment = "arithmetic",
                tasks = Enumerable.Range(0, 2_000).Select(index => new { id = $"t{index}", data = new { question = "1 + 1 = ?", answer = "2" } }),
            });
            JsonElement body = await response.Content.ReadFromJsonAsync<JsonElement>();
            answer = (response.StatusCode, response.IsSuccessStatusCode ? "" : body.GetProperty("code").GetString()!);
            return !response.IsSuccessStatusCode;
        });
        return answer;
    }

    private static int Mount(params string[] arguments) => Run("mount", arguments);

    private static int Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
