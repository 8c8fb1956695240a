using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// Runs calls in this process: finds the tool, checks the arguments, waits for a free slot, bounds the time, and turns every outcome into one
/// <see cref="ToolResult"/>. All dispatchers end here, so that a call behaves the same on every way.
/// </summary>
internal sealed class ToolRunner : IToolRoute
{
    private readonly ToolCatalog _catalog;
    private readonly ToolOptions _options;
    private readonly ITrajectoryEnd[] _ends;
    private readonly TimeProvider _time;
    private readonly ILogger<ToolRunner> _logger;
    private readonly FairSlots _slots;
    private readonly CallMemory<(string TrajectoryId, string CallId), TaskCompletionSource<ToolResult>> _memory;

    public ToolRunner(
        ToolCatalog catalog, IEnumerable<ITrajectoryEnd> ends, IOptions<ToolOptions> options, TimeProvider time, ILogger<ToolRunner> logger)
    {
        _catalog = catalog;
        _ends = [.. ends];
        _options = options.Value;
        _time = time;
        _logger = logger;
        _slots = new FairSlots(_options.MaxConcurrentCalls, time);
        _memory = new CallMemory<(string, string), TaskCompletionSource<ToolResult>>(_options.RememberedCalls);
    }

    /// <summary>The result of a call that has no answer by its deadline.</summary>
    public static ToolResult TimedOut(ToolInvocation invocation, CallClock clock, TimeSpan queue, TimeSpan run, int attempts) =>
        new($"Tool '{invocation.ToolName}' did not answer within {Seconds(clock.Timeout)}.", ToolFailure.TimedOut, queue, run, attempts);

    /// <summary>The result of a call for which no slot was free by its deadline.</summary>
    public static ToolResult NotStarted(ToolInvocation invocation, CallClock clock, TimeSpan queue) => new(
        $"Tool '{invocation.ToolName}' could not start within {Seconds(clock.Timeout)}.", ToolFailure.TimedOut, queue, TimeSpan.Zero, Attempts: 0);

    /// <summary>Runs one call, or answers with the result of the same call id if that one runs or ran.</summary>
    public async Task<ToolResult> RunAsync(ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken)
    {
        (string, string) key = (invocation.TrajectoryId, invocation.CallId);
        var call = new TaskCompletionSource<ToolResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        while (_memory.FindOrAdd(key, call) is { } first)
        {
            Log.CallRepeated(_logger, invocation.CallId, invocation.TrajectoryId);
            await ((Task)first.Task).WaitAsync(clock.Remaining(_time), _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            // Where the first was cancelled by its own caller there is no result, and this one runs.
            if (first.Task.IsCompletedSuccessfully)
                return await first.Task;
            if (!first.Task.IsCompleted)
                return TimedOut(invocation, clock, clock.Elapsed(_time), run: TimeSpan.Zero, attempts: 1);
        }

        return await RunFirstAsync(key, call, invocation, clock, cancellationToken);
    }

    /// <summary>Tells all that hold something for a trajectory that it has ended.</summary>
    public async ValueTask EndTrajectoryAsync(string trajectoryId)
    {
        foreach (ITrajectoryEnd end in _ends)
        {
            try
            {
                await end.TrajectoryEndedAsync(trajectoryId);
            }
            catch (Exception error)
            {
                Log.EndNotAnnounced(_logger, trajectoryId, error);
            }
        }
    }

    private async Task<ToolResult> RunFirstAsync(
        (string, string) key, TaskCompletionSource<ToolResult> call, ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken)
    {
        try
        {
            ToolResult result = await CheckAndRunAsync(invocation, clock, cancellationToken);
            (string text, ResultCut? cut) = ResultText.Limit(
                result.Text, invocation.ResultLimit ?? new ResultLimit(_options.MaxResultCharacters, _options.TruncateResults));
            result = result with { Text = text, Cut = cut, Sandbox = invocation.Sandbox };
            ToolTelemetry.Record(invocation, result);
            _memory.End(key, call);
            call.SetResult(result);
            return result;
        }
        catch
        {
            _memory.Forget(key, call);
            call.SetCanceled(CancellationToken.None);
            throw;
        }
    }

    private async Task<ToolResult> CheckAndRunAsync(ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken)
    {
        ToolSnapshot tools = _catalog.Of(invocation.TrajectoryId);
        if (!tools.TryGet(invocation.ToolName, out RegisteredTool? entry))
            return Refused(ToolFailure.UnknownTool, tools.Unknown(invocation.ToolName), clock);
        if (invocation.Arguments.ValueKind != JsonValueKind.Object)
            return Refused(ToolFailure.InvalidArguments, "The arguments must be a JSON object.", clock);
        if (entry.Arguments.FindError(invocation.Arguments) is { } error)
            return Refused(ToolFailure.InvalidArguments, error, clock);
        if (!await _slots.TakeAsync(invocation.FairnessKey ?? invocation.TrajectoryId, clock.Remaining(_time), cancellationToken))
            return NotStarted(invocation, clock, clock.Elapsed(_time));
        try
        {
            return await RunToolAsync(entry.Tool, invocation, clock, cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task<ToolResult> RunToolAsync(ITool tool, ToolInvocation invocation, CallClock clock, CancellationToken cancellationToken)
    {
        TimeSpan queue = clock.Elapsed(_time);
        long started = _time.GetTimestamp();
        // The tool gets a token of its own and a thread of its own: it may block, or block in a cancellation callback, and the call still ends on time.
        var cancel = new CancellationTokenSource();
        Task<string> running = Task.Run(() => tool.InvokeAsync(invocation, cancel.Token), CancellationToken.None);
        await ((Task)running).WaitAsync(clock.Remaining(_time), _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // Asked once: the cancellation that follows may end the tool, which must not pass for an answer in time.
        bool answered = running.IsCompleted;
        if (answered)
            cancel.Dispose();
        else
            _ = EndLaterAsync(running, cancel, invocation);
        cancellationToken.ThrowIfCancellationRequested();

        TimeSpan run = _time.GetElapsedTime(started);
        if (!answered)
            return TimedOut(invocation, clock, queue, run, attempts: 1);
        if (running.IsCompletedSuccessfully)
            return new ToolResult(await running ?? "", null, queue, run, Attempts: 1) { Score = invocation.Score };
        return new ToolResult(WhatWasThrown(running, invocation), ToolFailure.Threw, queue, run, Attempts: 1);
    }

    /// <summary>Cancels a tool whose caller has its result already, and sees the tool off whenever it ends.</summary>
    private async Task EndLaterAsync(Task<string> running, CancellationTokenSource cancel, ToolInvocation invocation)
    {
        long cancelled = _time.GetTimestamp();
        await cancel.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ = running.Exception;
        cancel.Dispose();
        Log.LateToolEnded(_logger, invocation.ToolName, invocation.CallId, _time.GetElapsedTime(cancelled).TotalMilliseconds);
    }

    private string WhatWasThrown(Task<string> running, ToolInvocation invocation)
    {
        if (running.Exception?.InnerException is not { } error)
            return $"Tool '{invocation.ToolName}' cancelled its own call.";
        if (error is not ToolException)
            Log.ToolThrew(_logger, invocation.ToolName, invocation.CallId, error);
        return string.IsNullOrWhiteSpace(error.Message) ? $"Tool '{invocation.ToolName}' threw {error.GetType().Name}." : error.Message;
    }

    private ToolResult Refused(ToolFailure failure, string text, CallClock clock) =>
        new(text, failure, clock.Elapsed(_time), TimeSpan.Zero, Attempts: 0);

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");
}
