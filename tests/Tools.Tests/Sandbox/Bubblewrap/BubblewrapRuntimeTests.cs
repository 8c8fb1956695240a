using System.Diagnostics;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Bubblewrap;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

[Collection(TestBubblewrap.Name)]
public sealed class BubblewrapRuntimeTests
{
    private static readonly SandboxOptions Limits = new() { MemoryMib = 128 };

    [Fact]
    public async Task A_disposed_sandbox_leaves_no_process_and_no_control_group()
    {
        BubblewrapRuntime runtime = await TestBubblewrap.OpenAsync();
        ISandbox sandbox = await runtime.StartAsync(Limits, "x", default);
        Assert.Contains(sandbox.Id, runtime.ListOwn());
        await sandbox.DisposeAsync();
        Assert.DoesNotContain(sandbox.Id, runtime.ListOwn());
        await sandbox.KillAsync();
        await sandbox.DisposeAsync();
    }

    [Fact]
    public async Task A_sandbox_ends_with_the_pipe_that_feeds_it()
    {
        BubblewrapRuntime runtime = await TestBubblewrap.OpenAsync();
        await using ISandbox sandbox = await runtime.StartAsync(Limits, null, default);
        await sandbox.Input.DisposeAsync();
        Assert.Equal(0, await sandbox.Output.ReadAsync(new byte[1]).AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task A_start_that_fails_leaves_nothing_and_is_told_as_it_is()
    {
        BubblewrapRuntime runtime = await TestBubblewrap.OpenAsync();
        SandboxOptions impossible = Limits with { ProxyFolder = "/nowhere" };
        SandboxException error = await Assert.ThrowsAsync<SandboxException>(() => SandboxSession.StartAsync(runtime, impossible, null, TimeProvider.System, default));
        Assert.Contains("did not answer after its start", error.Message, StringComparison.Ordinal);
        Assert.Empty(runtime.ListOwn());
    }

    [Fact]
    public async Task Leftovers_of_dead_owners_and_expired_ones_are_removed_with_their_processes_and_no_others()
    {
        BubblewrapRuntime runtime = await TestBubblewrap.OpenAsync();
        ControlGroups groups = new();
        string current = SandboxOwner.Current.Replace('/', '+');
        string future = $"{DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds()}";
        string unique = $"{Guid.NewGuid():N}";
        ControlGroup dead = await groups.CreateAsync($"{current[..current.LastIndexOf(':')]}:1~{future}~{unique}", Limits);
        ControlGroup expired = await groups.CreateAsync($"{current}~1000~{unique}", Limits);
        ControlGroup elsewhere = await groups.CreateAsync($"another+1:1:1~{future}~{unique}", Limits);
        ControlGroup own = await groups.CreateAsync($"{current}~{future}~{unique}", Limits);
        try
        {
            using Process sleeper = Process.Start("sleep", "600");
            foreach (string file in dead.JoinFiles)
                await File.WriteAllTextAsync(file, $"{sleeper.Id}");
            Assert.InRange(await runtime.RemoveLeftoversAsync(default), 1, int.MaxValue);
            await sleeper.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
            string[] left = [.. groups.List().Select(group => group.Name).Where(name => name.EndsWith(unique, StringComparison.Ordinal))];
            Assert.Equal(new[] { elsewhere.Name, own.Name }.Order(), left.Order());
        }
        finally
        {
            await elsewhere.RemoveAsync();
            await own.RemoveAsync();
            await dead.RemoveAsync();
            await expired.RemoveAsync();
        }
    }

    [Fact]
    public async Task Where_no_Docker_answers_Bubblewrap_takes_its_place()
    {
        await TestBubblewrap.OpenAsync();
        SandboxRuntimeOptions options = new() { DockerHost = "unix:///nowhere.sock" };
        Assert.Equal("bubblewrap", (await SandboxRuntimes.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, default)).Name);
        options.Runtime = SandboxRuntimeKind.Docker;
        SandboxException error = await Assert.ThrowsAsync<SandboxException>(() => SandboxRuntimes.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, default));
        Assert.EndsWith("or install bubblewrap and python3 and run the server as root.", error.Message, StringComparison.Ordinal);
    }
}
