using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>The contract over a real broker, and what only a broker adds.</summary>
public sealed class RabbitMqToolDispatcherTests : ToolDispatcherContract
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    protected override void Register(IServiceCollection services)
    {
        ToolBusOptions options = TestBroker.Options(["calculator", "calculater", "count", "deaf", "echo", "hang", "long", "somewhere", "spin", "throw", "turn"]);
        services.AddToolBus(options).AddToolWorker(options, [.. options.Groups.Keys]);
    }

    [Fact]
    public async Task A_call_waits_for_a_worker_that_starts_later()
    {
        ToolBusOptions options = TestBroker.Options(["echo"]);
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        Task<ToolResult> call = caller.Dispatcher.DispatchAsync(Invocation("echo", """{"text": "x"}"""), Patience, default);
        await using ToolHost worker = await StartWorkerAsync(options, new TestTools().All);
        Assert.Equal("x", (await call).Text);
    }

    [Fact]
    public async Task A_worker_that_stops_hands_on_what_does_not_end_in_time()
    {
        ToolBusOptions options = TestBroker.Options(["hang"]);
        var first = new TestTools();
        var second = new TestTools();
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        ToolHost leaving = await StartWorkerAsync(options, first.All);
        using var cancel = new CancellationTokenSource();
        Task<ToolResult> call = caller.Dispatcher.DispatchAsync(Invocation("hang", "{}"), TimeSpan.FromMinutes(2), cancel.Token);
        await first.HangStarted.Task.WaitAsync(Patience);
        await using ToolHost staying = await StartWorkerAsync(options, second.All);
        await leaving.DisposeAsync();
        await second.HangStarted.Task.WaitAsync(Patience);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await second.HangCancelled.Task.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_worker_that_stops_lets_its_calls_end()
    {
        ToolBusOptions options = TestBroker.Options(["last"], drain: TimeSpan.FromMinutes(1));
        var started = new TaskCompletionSource();
        var end = new TaskCompletionSource();
        DelegateTool tool = new([System.ComponentModel.Description("Waits.")] async () =>
        {
            started.SetResult();
            await end.Task;
            return "done";
        }, "last");
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        ToolHost leaving = await StartWorkerAsync(options, [tool]);
        Task<ToolResult> call = caller.Dispatcher.DispatchAsync(Invocation("last", "{}"), TimeSpan.FromMinutes(2), default);
        await started.Task.WaitAsync(Patience);
        Task left = leaving.DisposeAsync().AsTask();
        end.SetResult();
        Assert.Equal(("done", null, 1), ((await call).Text, (await call).Failure, (await call).Attempts));
        await left.WaitAsync(Patience);
    }

    [Fact]
    public async Task Stateful_calls_of_a_trajectory_meet_at_one_worker_and_are_played_again_where_it_leaves()
    {
        ToolBusOptions options = TestBroker.Options(["note"]);
        await using StatefulWorkers workers = await StatefulWorkers.StartAsync(options);
        for (int i = 1; i <= 6; i++)
            Assert.Equal(string.Join(',', Enumerable.Range(1, i)), (await workers.NoteAsync(i)).Text);
        await workers.StopTheOneThatHas("trajectory");
        Assert.Equal("1,2,3,4,5,6,7", (await workers.NoteAsync(7)).Text);
        await workers.Caller.Dispatcher.EndTrajectoryAsync("trajectory");
    }

    [Fact]
    public async Task A_lost_state_is_reported_where_that_is_wanted()
    {
        ToolBusOptions options = TestBroker.Options(["note"], group => group with { LostState = LostStatePolicy.Report });
        await using StatefulWorkers workers = await StatefulWorkers.StartAsync(options);
        Assert.Equal("1", (await workers.NoteAsync(1)).Text);
        await workers.StopTheOneThatHas("trajectory");
        ToolResult lost = await workers.NoteAsync(2);
        Assert.Equal((ToolFailure.StateLost, "What tool 'note' kept for this trajectory is lost, because its worker is gone; the next call starts from nothing."), (lost.Failure, lost.Text));
        Assert.Equal("3", (await workers.NoteAsync(3)).Text);
    }

    [Fact]
    public async Task A_call_that_kills_its_workers_ends_as_a_dead_letter()
    {
        ToolBusOptions options = TestBroker.Options(["echo"]);
        string queue = $"agentrollout-tools-{options.Groups.Keys.Single()}";
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        ToolResult result = await caller.Dispatcher.DispatchAsync(Invocation("echo", """{"text": "x"}"""), TimeSpan.FromSeconds(2), default);
        Assert.Equal((ToolFailure.TimedOut, "Tool 'echo' did not answer within 2 s."), (result.Failure, result.Text));
        await using IConnection connection = await new ConnectionFactory { Uri = options.Broker }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync();
        using var limit = new CancellationTokenSource(Patience);
        BasicGetResult? dead;
        while ((dead = await channel.BasicGetAsync($"{queue}-dead", autoAck: true, limit.Token)) is null)
        {
            // As the broker does for a worker that dies.
            if (await channel.BasicGetAsync(queue, autoAck: false, limit.Token) is { } call)
                await channel.BasicNackAsync(call.DeliveryTag, multiple: false, requeue: true, limit.Token);
        }

        Assert.Contains("delivery_limit", System.Text.Encoding.UTF8.GetString((byte[])dead.BasicProperties.Headers!["x-first-death-reason"]!));
    }

    [Fact]
    public async Task Health_names_the_groups_that_no_worker_serves()
    {
        ToolBusOptions options = TestBroker.Options(["echo"]);
        string group = options.Groups.Keys.Single();
        await using ToolHost caller = await ToolHost.StartAsync([], services => services.AddToolBus(options));
        ToolBusHealth health = caller.Get<ToolBusHealth>();
        await using ToolHost worker = await StartWorkerAsync(options, []);
        using var limit = new CancellationTokenSource(Patience);
        while (health.FindProblem() is not { } problem || problem.Contains(group, StringComparison.Ordinal))
            await Task.Delay(50, limit.Token);
        // Other tests' workers may serve the group that all share.
        Assert.DoesNotContain(group, health.FindProblem() ?? "");
        Assert.Null(worker.Get<ToolBusHealth>().FindProblem());
    }

    [Fact]
    public void A_group_that_is_not_configured_is_refused_by_name()
    {
        var options = new ToolBusOptions { Broker = new Uri("amqp://127.0.0.1"), Groups = new Dictionary<string, ToolBusGroup> { ["code"] = new() } };
        var error = Assert.Throws<ToolException>(() => new ServiceCollection().AddToolWorker(options, ["coed"]));
        Assert.Equal("Tool group 'coed' is unknown; known groups: code, default.", error.Message);
    }

    private static Task<ToolHost> StartWorkerAsync(ToolBusOptions options, IEnumerable<ITool> tools) =>
        ToolHost.StartAsync(tools, services => services.AddToolWorker(options, [.. options.Groups.Keys]));

    /// <summary>A caller and two workers, each with a tool that keeps what it was told.</summary>
    private sealed class StatefulWorkers(ToolHost caller, NoteWorker[] workers) : IAsyncDisposable
    {
        public ToolHost Caller => caller;

        public static async Task<StatefulWorkers> StartAsync(ToolBusOptions options)
        {
            ToolHost caller = await ToolHost.StartAsync([new NoteTool().Tool], services => services.AddToolBus(options));
            return new StatefulWorkers(caller, await Task.WhenAll(NoteWorker.StartAsync(options), NoteWorker.StartAsync(options)));
        }

        public Task<ToolResult> NoteAsync(int number) =>
            caller.Dispatcher.DispatchAsync(Invocation("note", $$"""{"text": "{{number}}"}"""), Patience, default);

        public async Task StopTheOneThatHas(string trajectory)
        {
            ToolHost host = workers.Single(worker => worker.Notes.Of(trajectory) > 0).Host;
            ToolWorker leaving = host.Get<ToolWorker>();
            await host.DisposeAsync();
            using var limit = new CancellationTokenSource(Patience);
            while (leaving.Groups.Any(group => caller.Get<WorkerRoster>().Takes(leaving.Name, group)))
                await Task.Delay(20, limit.Token);
        }

        public async ValueTask DisposeAsync()
        {
            await caller.DisposeAsync();
            foreach (NoteWorker worker in workers)
                await worker.Host.DisposeAsync();
        }
    }

    private sealed record NoteWorker(ToolHost Host, NoteTool Notes)
    {
        public static async Task<NoteWorker> StartAsync(ToolBusOptions options)
        {
            var notes = new NoteTool();
            return new NoteWorker(await StartWorkerAsync(options, [notes.Tool]), notes);
        }
    }

    private sealed class NoteTool
    {
        private readonly Dictionary<string, List<string>> _notes = [];

        public NoteTool() => Tool = new DelegateTool(Note, keepsState: true);

        public ITool Tool { get; }

        public int Of(string trajectory) => _notes.TryGetValue(trajectory, out List<string>? notes) ? notes.Count : 0;

        [System.ComponentModel.Description("Keeps a text and says all that it has.")]
        private string Note(string text, ToolInvocation invocation)
        {
            if (!_notes.TryGetValue(invocation.TrajectoryId, out List<string>? notes))
                _notes[invocation.TrajectoryId] = notes = [];
            notes.Add(text);
            return string.Join(',', notes);
        }
    }
}
