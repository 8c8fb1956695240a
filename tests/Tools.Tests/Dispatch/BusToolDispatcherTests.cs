using System.Diagnostics.Metrics;
using System.Text.Json;
using AgentRollout.Tools.Contracts;
using AgentRollout.Tools.Dispatch;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed class BusToolDispatcherTests : ToolDispatcherContract
{
    protected override void Register(IServiceCollection services) => services.AddToolBus();

    [Fact]
    public async Task A_redelivered_message_is_answered_again_but_runs_once()
    {
        var tools = new TestTools();
        await using ToolHost host = await ToolHost.StartAsync(tools.All, Register);
        var answers = new List<ToolExecuted>();
        var second = new TaskCompletionSource();
        IBusControl bus = host.Get<IBusControl>();
        bus.ConnectHandler<ToolExecuted>(context =>
        {
            lock (answers)
            {
                answers.Add(context.Message);
                if (answers.Count == 2)
                    second.SetResult();
            }

            return Task.CompletedTask;
        });
        ExecuteTool message = Message("count", """{"key": "x"}""");
        await SendAsync(bus, message);
        await SendAsync(bus, message);
        await second.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(1, tools.Runs["x"]);
    }

    [Fact]
    public async Task A_cancellation_may_overtake_its_call()
    {
        var tools = new TestTools();
        await using ToolHost host = await ToolHost.StartAsync(tools.All, Register);
        IBusControl bus = host.Get<IBusControl>();
        ExecuteTool cancelled = Message("count", """{"key": "cancelled"}""");
        await bus.Publish(new CancelTool(cancelled.DispatchId));
        await Task.Delay(200);
        await SendAsync(bus, cancelled);
        Assert.Equal("after", (await host.Dispatcher.DispatchAsync(Invocation("count", """{"key": "after"}"""), TimeSpan.FromSeconds(10), default)).Text);
        await Task.Delay(100);
        Assert.False(tools.Runs.ContainsKey("cancelled"));
    }

    [Fact]
    public async Task A_call_that_no_worker_takes_in_time_is_ended_by_its_caller_and_never_runs()
    {
        var tools = new TestTools();
        await using ToolHost host = await ToolHost.StartAsync(tools.All, Register, options => options.MaxConcurrentCalls = 1);
        // Of another caller, so that they do not wait for their turn at this one.
        for (int i = 0; i < 256; i++)
            await SendAsync(host.Get<IBusControl>(), Message("hang", "{}", seconds: 3));
        await tools.WaitForHangsAsync(1);
        ToolResult late = await host.Dispatcher.DispatchAsync(Invocation("count", """{"key": "late"}"""), TimeSpan.FromSeconds(0.2), default);
        Assert.Equal((ToolFailure.TimedOut, "Tool 'count' did not answer within 0.2 s.", 0), (late.Failure, late.Text, late.Attempts));
        await host.Dispatcher.DispatchAsync(Invocation("echo", """{"text": "x"}"""), TimeSpan.FromSeconds(10), default);
        Assert.False(tools.Runs.ContainsKey("late"));
    }

    [Fact]
    public async Task A_message_that_the_worker_cannot_read_comes_back_as_lost()
    {
        string deep = string.Concat(Enumerable.Repeat("[", 100)) + string.Concat(Enumerable.Repeat("]", 100));
        JsonElement arguments = JsonElement.Parse($$"""{"text": {{deep}}}""", new JsonDocumentOptions { MaxDepth = 200 });
        await using ToolHost host = await ToolHost.StartAsync(new TestTools().All, Register);
        ToolResult result = await host.Dispatcher.DispatchAsync(new ToolInvocation("c", "t", "echo", arguments), TimeSpan.FromSeconds(10), default);
        Assert.Equal(ToolFailure.Undeliverable, result.Failure);
        Assert.StartsWith("The call of tool 'echo' was lost: its worker failed: ", result.Text);
    }

    [Fact]
    public async Task A_late_answer_is_counted_and_dropped()
    {
        var dropped = new TaskCompletionSource();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "agentrollout.tools.answers_dropped")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => dropped.TrySetResult());
        listener.Start();
        await using ToolHost host = await ToolHost.StartAsync(new TestTools().All, Register);
        IBusControl bus = host.Get<IBusControl>();
        ISendEndpoint caller = await bus.GetSendEndpoint(bus.Address);
        await caller.Send(new ToolExecuted(Guid.NewGuid(), new ToolResult("late", null, TimeSpan.Zero, TimeSpan.Zero, Attempts: 1)));
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("x", (await host.Dispatcher.DispatchAsync(Invocation("echo", """{"text": "x"}"""), TimeSpan.FromSeconds(30), default)).Text);
    }

    [Fact]
    public async Task Stopping_ends_the_calls_that_wait_and_cancels_their_tools()
    {
        var tools = new TestTools();
        ToolHost host = await ToolHost.StartAsync(tools.All, Register);
        Task<ToolResult> call = host.Dispatcher.DispatchAsync(Invocation("hang", "{}"), TimeSpan.FromMinutes(5), default);
        await tools.HangStarted.Task;
        await host.DisposeAsync();
        ToolResult result = await call.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal((ToolFailure.Undeliverable, "The call of tool 'hang' was lost: the bus stopped."), (result.Failure, result.Text));
        await tools.HangCancelled.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_bus_that_is_not_running_says_so()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddToolBus();
        await using ServiceProvider provider = services.BuildServiceProvider();
        var error = await Assert.ThrowsAsync<InvalidOperationException>(
            () => provider.GetRequiredService<IToolDispatcher>().DispatchAsync(Invocation("x", "{}"), TimeSpan.FromSeconds(1), default));
        Assert.Equal("The tool bus is not running.", error.Message);
    }

    private static ExecuteTool Message(string tool, string arguments, int seconds = 20)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return new ExecuteTool(Guid.NewGuid(), Guid.NewGuid().ToString(), "t", tool, arguments, now, now.AddSeconds(seconds));
    }

    private static async Task SendAsync(IBusControl bus, ExecuteTool message)
    {
        ISendEndpoint calls = await bus.GetSendEndpoint(ToolBus.Calls);
        await calls.Send(message, send => send.ResponseAddress = bus.Address);
    }
}
