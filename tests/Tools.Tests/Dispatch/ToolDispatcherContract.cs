using System.Text.Json;
using AgentRollout.Tools.Dispatch;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>What every dispatcher promises; run once per implementation.</summary>
public abstract class ToolDispatcherContract : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(200);

    private readonly TestTools _tools = new();
    private ToolHost? _host;

    private IToolDispatcher Dispatcher => _host!.Dispatcher;

    protected abstract void Register(IServiceCollection services);

    public async ValueTask InitializeAsync() => _host = await ToolHost.StartAsync(_tools.All, Register);

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_tool_answers()
    {
        ToolResult result = await CallAsync("calculator", """{"expression": "6 * 7"}""");
        Assert.Equal(("42", null, 1), (result.Text, result.Failure, result.Attempts));
        Assert.InRange(result.Run, TimeSpan.Zero, Long);
    }

    [Fact]
    public async Task Text_arrives_as_it_was_written()
    {
        string text = "é\u0000\u2028😀 \"quoted\" \\ <tag> 日本";
        Assert.Equal(text, (await CallAsync("echo", JsonSerializer.Serialize(new { text }))).Text);
    }

    [Fact]
    public async Task An_unknown_tool_is_a_result_that_lists_the_known_ones()
    {
        ToolResult result = await CallAsync("calculater", "{}");
        Assert.Equal((ToolFailure.UnknownTool, 0), (result.Failure, result.Attempts));
        Assert.Equal("Tool 'calculater' is unknown; known tools: calculator, count, deaf, echo, hang, long, spin, throw.", result.Text);
    }

    [Theory]
    [InlineData("{}", "Argument 'expression' is required.")]
    [InlineData("""{"expression": 5}""", "Argument 'expression' must be a string, found 5.")]
    [InlineData("""{"expression": "1", "x": 2}""", "Argument 'x' is unknown; known: expression.")]
    [InlineData("[1]", "The arguments must be a JSON object.")]
    [InlineData("""{"expression": "\ud800"}""", "The arguments have a string with half of a surrogate pair.")]
    [InlineData("""{"\ud800": 1}""", "The arguments have a string with half of a surrogate pair.")]
    public async Task Invalid_arguments_are_a_result_that_says_where(string arguments, string expected)
    {
        ToolResult result = await CallAsync("calculator", arguments);
        Assert.Equal((ToolFailure.InvalidArguments, expected, 0), (result.Failure, result.Text, result.Attempts));
    }

    [Fact]
    public async Task Arguments_that_never_were_are_invalid_too()
    {
        ToolResult result = await Dispatcher.DispatchAsync(new ToolInvocation("none", "t", "calculator", default), Long, default);
        Assert.Equal((ToolFailure.InvalidArguments, "The arguments must be a JSON object."), (result.Failure, result.Text));
    }

    [Fact]
    public async Task What_a_tool_throws_is_a_result_with_its_message()
    {
        ToolResult result = await CallAsync("throw", """{"message": "Disk 'a' is full."}""");
        Assert.Equal((ToolFailure.Threw, "Disk 'a' is full.", 1), (result.Failure, result.Text, result.Attempts));
        Assert.Equal("Tool 'throw' threw InvalidOperationException.", (await CallAsync("throw", """{"message": ""}""")).Text);
        ToolResult wrong = await CallAsync("calculator", """{"expression": "1 +"}""");
        Assert.Equal((ToolFailure.Threw, "Expected a number at position 4, found the end."), (wrong.Failure, wrong.Text));
    }

    [Fact]
    public async Task A_tool_that_hangs_is_cancelled_at_its_time_out()
    {
        ToolResult result = await CallAsync("hang", "{}", Short);
        Assert.Equal((ToolFailure.TimedOut, "Tool 'hang' did not answer within 0.2 s.", 1), (result.Failure, result.Text, result.Attempts));
        await _tools.HangCancelled.Task.WaitAsync(Long);
    }

    [Theory]
    [InlineData("deaf")]
    [InlineData("spin")]
    public async Task A_tool_that_ignores_cancellation_is_left_behind_on_time(string tool)
    {
        long started = TimeProvider.System.GetTimestamp();
        ToolResult result = await CallAsync(tool, "{}", Short);
        Assert.Equal(ToolFailure.TimedOut, result.Failure);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), Short - TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task A_call_whose_time_is_up_before_it_starts_never_runs()
    {
        ToolResult result = await CallAsync("count", """{"key": "late"}""", TimeSpan.FromTicks(-1));
        Assert.Equal((ToolFailure.TimedOut, "Tool 'count' could not start within 0 s.", 0), (result.Failure, result.Text, result.Attempts));
        Assert.False(_tools.Runs.ContainsKey("late"));
    }

    [Fact]
    public async Task A_time_out_beyond_what_timers_take_is_no_error() =>
        Assert.Null((await CallAsync("echo", """{"text": "x"}""", TimeSpan.MaxValue)).Failure);

    [Fact]
    public async Task The_middle_of_a_long_result_is_left_out()
    {
        ToolResult result = await CallAsync("long", """{"length": 10000000}""");
        Assert.InRange(result.Text.Length, 16_384 - 64, 16_384);
        Assert.StartsWith("😀😀", result.Text);
        Assert.EndsWith("😀😀", result.Text);
        Assert.Matches(@"😀\n\[\d+ characters are left out here\.\]\n😀", result.Text);
        Assert.DoesNotContain('\uFFFD', result.Text);
    }

    [Theory]
    [InlineData(Truncation.Left, "[9808 characters are left out here.]\n😀", "😀")]
    [InlineData(Truncation.Right, "😀", "😀\n[9808 characters are left out here.]")]
    public async Task A_caller_says_how_much_of_a_result_it_wants(Truncation truncate, string start, string end)
    {
        ToolInvocation invocation = Invocation("long", """{"length": 10000}""") with { ResultLimit = new ResultLimit(256, truncate) };
        ToolResult result = await Dispatcher.DispatchAsync(invocation, Long, default);
        Assert.StartsWith(start, result.Text);
        Assert.EndsWith(end, result.Text);
        Assert.Equal(truncate == Truncation.Left ? new ResultCut(0, 192, 10_000) : new ResultCut(192, 0, 10_000), result.Cut);
    }

    [Fact]
    public async Task A_result_says_in_which_sandbox_its_tool_ran()
    {
        DelegateTool tool = new([System.ComponentModel.Description("Runs somewhere.")] (ToolInvocation invocation) =>
        {
            invocation.Sandbox = "docker/abc";
            throw new ToolException("It broke.");
        }, "somewhere");
        await using ToolHost host = await ToolHost.StartAsync([tool, .. _tools.All], Register);
        ToolResult result = await host.Dispatcher.DispatchAsync(Invocation("somewhere", "{}"), Long, default);
        Assert.Equal((ToolFailure.Threw, "docker/abc"), (result.Failure, result.Sandbox));
        Assert.Null((await host.Dispatcher.DispatchAsync(Invocation("echo", """{"text": "x"}"""), Long, default)).Sandbox);
    }

    [Fact]
    public async Task Cancelling_the_caller_cancels_the_tool()
    {
        using var cancel = new CancellationTokenSource();
        Task<ToolResult> call = Dispatcher.DispatchAsync(Invocation("hang", "{}"), Long, cancel.Token);
        await _tools.HangStarted.Task.WaitAsync(Long);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await _tools.HangCancelled.Task.WaitAsync(Long);
    }

    [Fact]
    public async Task Cancelling_a_caller_does_not_wait_for_a_tool_that_ignores_it()
    {
        using var cancel = new CancellationTokenSource(Short);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Dispatcher.DispatchAsync(Invocation("deaf", "{}"), Long, cancel.Token).WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task A_call_cancelled_beforehand_throws()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Dispatcher.DispatchAsync(Invocation("count", """{"key": "cancelled"}"""), Long, new CancellationToken(true)));
        Assert.False(_tools.Runs.ContainsKey("cancelled"));
    }

    [Fact]
    public async Task Five_hundred_calls_at_once_each_have_exactly_one_result()
    {
        ToolResult[] results = await Task.WhenAll(Enumerable.Range(0, 500).Select(i => CallAsync("count", $$"""{"key": "k{{i}}"}""")));
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"k{i}"), results.Select(result => result.Text));
        Assert.All(Enumerable.Range(0, 500), i => Assert.Equal(1, _tools.Runs[$"k{i}"]));
    }

    [Fact]
    public async Task A_call_id_that_comes_again_runs_once()
    {
        ToolInvocation invocation = Invocation("count", """{"key": "again"}""");
        ToolResult[] results = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Dispatcher.DispatchAsync(invocation, Long, default)));
        ToolResult later = await Dispatcher.DispatchAsync(invocation, Long, default);
        Assert.All([.. results, later], result => Assert.Equal(results[0], result));
        Assert.Equal(1, _tools.Runs["again"]);
        Assert.Null((await Dispatcher.DispatchAsync(invocation with { TrajectoryId = "other" }, Long, default)).Failure);
        Assert.Equal(2, _tools.Runs["again"]);
    }

    [Fact]
    public async Task A_call_may_be_dispatched_anew_after_it_was_cancelled()
    {
        ToolInvocation invocation = Invocation("hang", "{}");
        using var cancel = new CancellationTokenSource();
        Task<ToolResult> first = Dispatcher.DispatchAsync(invocation, Long, cancel.Token);
        await _tools.HangStarted.Task.WaitAsync(Long);
        Task<ToolResult> second = Dispatcher.DispatchAsync(invocation, Short, default);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal(ToolFailure.TimedOut, (await second).Failure);
    }

    [Fact]
    public async Task A_call_that_comes_again_keeps_its_own_time_out()
    {
        ToolInvocation invocation = Invocation("hang", "{}");
        using var cancel = new CancellationTokenSource();
        Task<ToolResult> first = Dispatcher.DispatchAsync(invocation, Long, cancel.Token);
        await _tools.HangStarted.Task.WaitAsync(Long);
        Assert.Equal(ToolFailure.TimedOut, (await Dispatcher.DispatchAsync(invocation, Short, default)).Failure);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
    }

    [Fact]
    public async Task Only_so_many_tools_run_at_once_and_the_rest_wait_within_their_time()
    {
        await using ToolHost host = await ToolHost.StartAsync(_tools.All, Register, options => options.MaxConcurrentCalls = 3);
        IToolDispatcher narrow = host.Dispatcher;
        ToolResult[] results = await Task.WhenAll(
            Enumerable.Range(0, 40).Select(i => narrow.DispatchAsync(Invocation("count", $$"""{"key": "n{{i}}"}"""), Long, default)));
        Assert.All(results, result => Assert.Null(result.Failure));
        Assert.InRange(_tools.MostAtOnce, 1, 3);

        Task<ToolResult>[] hanging = [.. Enumerable.Range(0, 3).Select(_ => narrow.DispatchAsync(Invocation("hang", "{}"), TimeSpan.FromSeconds(2), default))];
        await _tools.WaitForHangsAsync(3);
        ToolResult waiting = await narrow.DispatchAsync(Invocation("echo", """{"text": "x"}"""), Short, default);
        Assert.Equal((ToolFailure.TimedOut, "Tool 'echo' could not start within 0.2 s.", 0), (waiting.Failure, waiting.Text, waiting.Attempts));
        await Task.WhenAll(hanging);
        Assert.Null((await narrow.DispatchAsync(Invocation("echo", """{"text": "x"}"""), Long, default)).Failure);
    }

    [Fact]
    public async Task Calls_that_wait_take_turns_by_rollout()
    {
        var order = new List<string>();
        var queued = new TaskCompletionSource();
        DelegateTool tool = new([System.ComponentModel.Description("Waits until all are queued.")] async (string key) =>
        {
            lock (order)
                order.Add(key);
            await queued.Task;
            return key;
        }, "turn");
        await using ToolHost host = await ToolHost.StartAsync([tool], Register, options => options.MaxConcurrentCalls = 1);
        Task<ToolResult> Call(string rollout, int trajectory) => host.Dispatcher.DispatchAsync(
            new ToolInvocation(Guid.NewGuid().ToString(), $"{rollout}{trajectory}", "turn", JsonElement.Parse($$"""{"key": "{{rollout}}{{trajectory}}"}"""))
            {
                FairnessKey = rollout,
            },
            Long,
            default);
        Task<ToolResult>[] calls = [.. Enumerable.Range(0, 6).Select(i => Call("a", i)), .. Enumerable.Range(0, 3).Select(i => Call("b", i)), Call("c", 0)];
        queued.SetResult();
        await Task.WhenAll(calls);
        Assert.Equal(["a0", "a1", "b0", "c0", "a2", "b1", "a3", "b2", "a4", "a5"], order);
    }

    private Task<ToolResult> CallAsync(string tool, string arguments, TimeSpan? timeout = null) =>
        Dispatcher.DispatchAsync(Invocation(tool, arguments), timeout ?? Long, default);

    protected static ToolInvocation Invocation(string tool, string arguments) =>
        new(Guid.NewGuid().ToString(), "trajectory", tool, JsonElement.Parse(arguments));
}
