using System.Net;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Docker;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

[Collection(TestDocker.Name)]
public sealed class DockerRuntimeTests
{
    private static readonly SandboxOptions Limits = new() { MemoryMib = 128 };

    [Fact]
    public async Task The_engines_own_words_come_with_its_errors()
    {
        using DockerRuntime runtime = await TestDocker.OpenAsync();
        using DockerClient docker = new(TestDocker.Endpoint);
        DockerException missing = await Assert.ThrowsAsync<DockerException>(() => docker.StartAsync("no-such-container", default));
        Assert.Equal(HttpStatusCode.NotFound, missing.Status);
        Assert.Contains("No such container: no-such-container", missing.Message, StringComparison.Ordinal);
        DockerException invalid = await Assert.ThrowsAsync<DockerException>(
            () => docker.CreateAsync("x", ContainerSpec.Create("no-such-image", Limits, new Dictionary<string, string>()), default));
        Assert.Contains("no-such-image", invalid.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_engine_that_does_not_answer_and_a_missing_image_refuse_the_connection_in_one_sentence()
    {
        using DockerRuntime present = await TestDocker.OpenAsync();
        DockerException nobody = await Assert.ThrowsAsync<DockerException>(() => ConnectAsync(new DockerEndpoint("unix:///nowhere/docker.sock"), "x"));
        Assert.Null(nobody.Status);
        Assert.Equal("Docker at 'unix:///nowhere/docker.sock' does not answer: There is no such socket.", nobody.Message);
        SandboxException image = await Assert.ThrowsAsync<SandboxException>(() => ConnectAsync(TestDocker.Endpoint, "absent:1"));
        Assert.Contains("has no image 'absent:1'; docker/sandbox/build.sh builds it.", image.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disposed_sandbox_leaves_no_container()
    {
        using DockerRuntime runtime = await TestDocker.OpenAsync();
        ISandbox sandbox = await runtime.StartAsync(Limits, "x", default);
        Assert.Contains(sandbox.Id, await TestDocker.OwnContainersAsync());
        await sandbox.DisposeAsync();
        await EventuallyGoneAsync([sandbox.Id]);
        await sandbox.KillAsync();
    }

    [Fact]
    public async Task A_container_ends_with_the_connection_that_feeds_it()
    {
        using DockerRuntime runtime = await TestDocker.OpenAsync();
        ISandbox sandbox = await runtime.StartAsync(Limits, null, default);
        await sandbox.Input.DisposeAsync();
        await EventuallyGoneAsync([sandbox.Id]);
    }

    [Fact]
    public async Task Cancelled_starts_leave_nothing()
    {
        using DockerRuntime runtime = await TestDocker.OpenAsync();
        string[] before = await TestDocker.OwnContainersAsync();
        for (int delay = 0; delay <= 400; delay += 100)
        {
            using CancellationTokenSource cancel = new(delay);
            try
            {
                await (await runtime.StartAsync(Limits, "cancelled", cancel.Token)).DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                // At whatever step the start was.
            }
        }

        await Task.Delay(1_500);
        Assert.Empty((await TestDocker.OwnContainersAsync()).Except(before));
    }

    [Fact]
    public async Task Leftovers_of_dead_owners_and_expired_ones_are_removed_and_no_others()
    {
        using DockerRuntime runtime = await TestDocker.OpenAsync();
        using DockerClient docker = new(TestDocker.Endpoint);
        string future = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
        string gone = SandboxOwner.Current[..SandboxOwner.Current.LastIndexOf(':')] + ":1";
        string dead = await CreateAsync(docker, gone, future);
        string expired = await CreateAsync(docker, SandboxOwner.Current, "1000");
        string elsewhere = await CreateAsync(docker, "another-machine/1:1:1", future);
        string own = await CreateAsync(docker, SandboxOwner.Current, future);
        try
        {
            await runtime.RemoveLeftoversAsync(default);
            string[] left = [.. (await docker.ListAsync(DockerRuntime.OwnerLabel, default)).Select(line => line.Id)];
            Assert.DoesNotContain(dead, left);
            Assert.DoesNotContain(expired, left);
            Assert.Contains(elsewhere, left);
            Assert.Contains(own, left);
        }
        finally
        {
            await docker.RemoveAsync(elsewhere, default);
            await docker.RemoveAsync(own, default);
        }
    }

    private static Task<DockerRuntime> ConnectAsync(DockerEndpoint endpoint, string image) =>
        DockerRuntime.ConnectAsync(endpoint, image, TimeProvider.System, NullLogger.Instance, default);

    private static Task<string> CreateAsync(DockerClient docker, string owner, string expires) => docker.CreateAsync(
        $"agentrollout-test-{Guid.NewGuid():N}",
        ContainerSpec.Create(
            SandboxRuntimeOptions.DefaultImage,
            Limits,
            new Dictionary<string, string> { [DockerRuntime.OwnerLabel] = owner, [DockerRuntime.ExpiryLabel] = expires }),
        default);

    private static async Task EventuallyGoneAsync(string[] ids)
    {
        for (int tries = 0; tries < 100; tries++)
        {
            if (!(await TestDocker.OwnContainersAsync()).Intersect(ids).Any())
                return;
            await Task.Delay(50);
        }

        Assert.Fail($"Containers {string.Join(", ", ids)} are still there.");
    }
}
