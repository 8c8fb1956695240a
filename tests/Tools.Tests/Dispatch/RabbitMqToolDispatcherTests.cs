using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>The contract over a real broker, and what only a broker adds.</summary>
[Collection("RabbitMQ")]
public sealed class RabbitMqToolDispatcherTests : ToolDispatcherContract
{
    protected override void Register(IServiceCollection services)
    {
        Tools.Dispatch.ToolBusOptions options = TestBroker.Options("calculator", "calculater", "count", "deaf", "echo", "hang", "long", "spin", "throw");
        services.AddToolBus(options).AddToolWorker(options, [.. options.Groups.Keys]);
    }

    [Fact]
    public async Task A_call_waits_for_a_worker_that_starts_later()
    {
        var options = TestBroker.Options("echo");
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        Task<ToolResult> call = caller.Dispatcher.DispatchAsync(Invocation("echo", """{"text": "x"}"""), TimeSpan.FromSeconds(20), default);
        await using ToolHost worker = await ToolHost.StartAsync(new TestTools().All, services => services.AddToolWorker(options, [.. options.Groups.Keys]));
        Assert.Equal("x", (await call).Text);
    }

    [Fact]
    public async Task A_worker_that_stops_hands_its_calls_on()
    {
        var options = TestBroker.Options("hang");
        var first = new TestTools();
        var second = new TestTools();
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        ToolHost leaving = await ToolHost.StartAsync(first.All, services => services.AddToolWorker(options, [.. options.Groups.Keys]));
        Task<ToolResult> call = caller.Dispatcher.DispatchAsync(Invocation("hang", "{}"), TimeSpan.FromSeconds(8), default);
        await first.WaitForHangsAsync(1);
        await using ToolHost staying = await ToolHost.StartAsync(second.All, services => services.AddToolWorker(options, [.. options.Groups.Keys]));
        await leaving.DisposeAsync();
        await second.WaitForHangsAsync(1);
        Assert.Equal((ToolFailure.TimedOut, 1), ((await call).Failure, (await call).Attempts));
    }

    [Fact]
    public void A_group_that_is_not_configured_is_refused_by_name()
    {
        var options = new Tools.Dispatch.ToolBusOptions { Broker = new Uri("amqp://127.0.0.1"), Groups = new Dictionary<string, Tools.Dispatch.ToolGroup> { ["code"] = new() } };
        var error = Assert.Throws<ToolException>(() => new ServiceCollection().AddToolWorker(options, ["coed"]));
        Assert.Equal("Tool group 'coed' is unknown; known groups: code, default.", error.Message);
    }
}
