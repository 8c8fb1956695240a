using System.Text.Json;
using AgentRollout.Tools.Dispatch;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Docker;
using AgentRollout.Tools.Tests.Dispatch;
using AgentRollout.Tools.Tests.Sandbox.Docker;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox;

[Collection(TestDocker.Name)]
public sealed class SandboxPoolTests
{
    private static readonly SandboxOptions Limits = new() { MemoryMib = 128, CallTimeoutSeconds = 5, MaxOutputBytes = 4_096 };
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Each_trajectory_has_a_sandbox_of_its_own_until_it_ends()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        await using ToolHost host = await StartAsync(docker, warm: 2);
        Assert.Equal("(no output)", await CallAsync(host, "a", "python", """{"code": "x = 5; open('f', 'w').close()"}"""));
        Assert.Equal("5", await CallAsync(host, "a", "python", """{"code": "x"}"""));
        Assert.Equal("f (0 bytes)", await CallAsync(host, "a", "list_files", "{}"));
        Assert.Contains("NameError", await CallAsync(host, "b", "python", """{"code": "x"}"""), StringComparison.Ordinal);
        Assert.Equal("The folder is empty.", await CallAsync(host, "b", "list_files", "{}"));

        SandboxPool pool = host.Get<SandboxPool>();
        Assert.Equal(2, pool.LeaseCount);
        await host.Dispatcher.EndTrajectoryAsync("a");
        await EventuallyAsync(() => pool.LeaseCount == 1);
        Assert.Contains("NameError", await CallAsync(host, "a", "python", """{"code": "x"}"""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_tools_say_what_a_model_needs_to_know()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        await using ToolHost host = await StartAsync(docker, warm: 1, callTimeoutSeconds: 1);
        Assert.Equal("out\n2", await CallAsync(host, "a", "python", """{"code": "print('out')\n1 + 1"}"""));
        Assert.Equal("a\nThe command ended with exit code 4.", await CallAsync(host, "a", "shell", """{"command": "echo a; exit 4"}"""));
        Assert.Equal("Wrote 6 bytes.", await CallAsync(host, "a", "write_file", """{"path": "x/y.txt", "content": "grüß"}"""));
        Assert.Equal("grüß", await CallAsync(host, "a", "read_file", """{"path": "x/y.txt"}"""));
        Assert.Equal("'/etc/passwd' is outside /workspace.", await CallAsync(host, "a", "read_file", """{"path": "/etc/passwd"}"""));
        Assert.Equal(
            "The call took longer than 1 s and was killed; a fresh Python interpreter was started, so variables are gone, and files are kept.",
            await CallAsync(host, "a", "python", """{"code": "while True: pass"}"""));
        Assert.Equal(
            "The Python interpreter ended with exit code 9; a fresh Python interpreter was started, so variables are gone, and files are kept.",
            await CallAsync(host, "a", "python", """{"code": "import os; os._exit(9)"}"""));
        await CallAsync(host, "a", "shell", """{"command": "printf '\\377' > binary"}""");
        Assert.Equal("'binary' is not UTF-8 text; read it with Python instead.", await CallAsync(host, "a", "read_file", """{"path": "binary"}"""));
    }

    [Fact]
    public async Task A_sandbox_that_is_lost_is_replaced_and_the_model_is_told_in_one_sentence()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        using DockerClient client = new(TestDocker.Endpoint);
        await using ToolHost host = await StartAsync(docker, warm: 0);
        await CallAsync(host, "a", "python", """{"code": "x = 5"}""");
        foreach (string container in await TestDocker.OwnContainersAsync())
            await client.KillAsync(container, default);
        Assert.Equal(
            "The sandbox ended during this call and was replaced by a new one; variables, files and running processes are gone.",
            await CallAsync(host, "a", "python", """{"code": "x"}"""));
        Assert.Equal("2", await CallAsync(host, "a", "python", """{"code": "1 + 1"}"""));
    }

    [Fact]
    public async Task Warm_sandboxes_that_died_are_passed_over()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        using DockerClient client = new(TestDocker.Endpoint);
        await using ToolHost host = await StartAsync(docker, warm: 2);
        await EventuallyAsync(() => host.Get<SandboxPool>().WarmCount == 2);
        foreach (string container in await TestDocker.OwnContainersAsync())
            await client.KillAsync(container, default);
        Assert.Equal("2", await CallAsync(host, "a", "python", """{"code": "1 + 1"}"""));
    }

    [Fact]
    public async Task A_call_that_its_caller_gives_up_is_told_of_by_the_next_one()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        await using ToolHost host = await StartAsync(docker, warm: 1);
        await CallAsync(host, "a", "python", """{"code": "x = 5"}""");
        ToolResult result = await host.Dispatcher.DispatchAsync(
            Invocation("a", "python", """{"code": "while True: pass"}"""), TimeSpan.FromSeconds(0.5), default);
        Assert.Equal(ToolFailure.TimedOut, result.Failure);
        Assert.Equal(
            "The call before this one was cancelled and killed; a fresh Python interpreter was started, so variables are gone, and files are kept.\n2",
            await CallAsync(host, "a", "python", """{"code": "1 + 1"}"""));
    }

    [Fact]
    public async Task A_pool_that_stops_leaves_nothing_even_in_the_middle_of_calls()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        Task<string>[] calls;
        await using (ToolHost host = await StartAsync(docker, warm: 3))
        {
            await CallAsync(host, "a", "python", """{"code": "1"}""");
            calls = [.. "abc".Select(name => CallAsync(host, $"{name}", "python", """{"code": "while True: pass"}"""))];
            await Task.Delay(300);
        }

        await Task.WhenAll(calls);
        await EventuallyAsync(async () => (await TestDocker.OwnContainersAsync()).Length == 0);
    }

    [Fact]
    public async Task A_result_names_the_sandbox_that_all_calls_of_its_trajectory_meet_in()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        await using ToolHost host = await StartAsync(docker, warm: 0);
        ToolResult first = await host.Dispatcher.DispatchAsync(Invocation("t", "python", """{"code": "1"}"""), Timeout, default);
        ToolResult second = await host.Dispatcher.DispatchAsync(Invocation("t", "read_file", """{"path": "none"}"""), Timeout, default);
        Assert.Matches("^docker/.+$", first.Sandbox);
        Assert.Equal((ToolFailure.Threw, first.Sandbox), (second.Failure, second.Sandbox));
    }

    [Fact]
    public async Task A_runtime_that_can_start_nothing_refuses_the_start_up()
    {
        using DockerRuntime docker = await TestDocker.OpenAsync();
        SandboxException error = await Assert.ThrowsAsync<SandboxException>(() => StartAsync(docker, warm: 1, callTimeoutSeconds: 0));
        Assert.Equal("Sandbox option 'CallTimeoutSeconds' is 0; it must be 0.1 to 3600.", error.Message);
    }

    private static Task<ToolHost> StartAsync(ISandboxRuntime runtime, int warm, double callTimeoutSeconds = 5) => ToolHost.StartAsync(
        [],
        services => services.AddToolBus().AddSandboxTools(
            runtime, new SandboxPoolOptions { Warm = warm, Sandbox = Limits with { CallTimeoutSeconds = callTimeoutSeconds } }));

    private static ToolInvocation Invocation(string trajectory, string tool, string arguments) =>
        new(Guid.NewGuid().ToString(), trajectory, tool, JsonElement.Parse(arguments));

    private static async Task<string> CallAsync(ToolHost host, string trajectory, string tool, string arguments) =>
        (await host.Dispatcher.DispatchAsync(Invocation(trajectory, tool, arguments), Timeout, default)).Text;

    private static Task EventuallyAsync(Func<bool> condition) => EventuallyAsync(() => Task.FromResult(condition()));

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        for (int tries = 0; tries < 200; tries++)
        {
            if (await condition())
                return;
            await Task.Delay(50);
        }

        Assert.Fail("What was to happen did not.");
    }
}
