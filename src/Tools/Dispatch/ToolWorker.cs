using AgentRollout.Tools.Contracts;
using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Tools.Dispatch;

/// <summary>Takes calls of some tool groups from the broker while its host runs, and lets callers hear that it lives.</summary>
internal sealed class ToolWorker : IHostedService, IDisposable
{
    private readonly ToolBusOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private volatile IReadOnlyList<string> _takes;
    private Task _pulse = Task.CompletedTask;

    /// <param name="runner">Runs the calls.</param>
    /// <param name="groups">The groups whose calls it takes.</param>
    public ToolWorker(IToolRoute runner, ToolBusOptions options, IReadOnlyList<string> groups, TimeProvider time, ILoggerFactory loggers)
    {
        _options = options;
        _time = time;
        _logger = loggers.CreateLogger<ToolWorker>();
        _takes = groups;
        Groups = groups;
        Consumer = new ExecuteToolConsumer(runner);
        Link = new BusLink(broken => ToolBus.CreateWorker(this, options, loggers, broken), options, time, loggers.CreateLogger<BusLink>());
    }

    public string Name { get; } = Guid.NewGuid().ToString("N");

    public IReadOnlyList<string> Groups { get; }

    public ExecuteToolConsumer Consumer { get; }

    public BusLink Link { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await Link.StartAsync(_ => { }, _ => { }, cancellationToken);
        _pulse = KeepPulseAsync();
        Log.WorkerJoined(_logger, string.Join(", ", Groups), _options.Broker.Authority);
    }

    /// <summary>
    /// Takes no further call and lets those in hand end. What still runs when their time is up is cancelled; such calls go back to the queue or, where
    /// they belong to a trajectory's state, to the worker that takes it over.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _takes = [];
        await _stopping.CancelAsync();
        await _pulse;
        Task left = Link.StopAsync(CancellationToken.None);
        await left.WaitAsync(_options.Drain, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Consumer.StopAsync();
        await left;
    }

    public void Dispose()
    {
        _stopping.Dispose();
        Consumer.Dispose();
        Link.Dispose();
    }

    /// <summary>Runs one call and answers it.</summary>
    /// <param name="context">The call.</param>
    /// <param name="isOwn">Whether it came to this worker's own queue, so that no other worker can take it.</param>
    /// <param name="broken">Says that the connection broke that it came in on. The call goes on and is answered over the next one, while the broker delivers it again.</param>
    public async Task TakeAsync(ConsumeContext<ExecuteTool> context, bool isOwn, CancellationToken broken)
    {
        if (context.ReceiveContext.Redelivered)
        {
            ToolTelemetry.CountRedelivery();
            Log.CallRedelivered(_logger, context.Message.CallId, context.Message.ToolName);
        }

        Task<bool> call = RunAndAnswerAsync(context.Message, context.ResponseAddress!);
        await ((Task)call).WaitAsync(broken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (call.IsCompleted && !await call && Consumer.IsStopping && !isOwn)
            await context.Forward(context.ReceiveContext.InputAddress);
    }

    /// <summary>False where the call was cancelled.</summary>
    private async Task<bool> RunAndAnswerAsync(ExecuteTool call, Uri caller)
    {
        if (await Consumer.RunAsync(call) is not { } result)
            return false;
        // The answer that a time-out is has its chance too.
        TimeSpan left = new CallClock(call.DispatchedAt, call.Deadline - call.DispatchedAt).Remaining(_time) + BusToolRoute.AnswerGrace;
        using var limit = new CancellationTokenSource(left, _time);
        try
        {
            await Link.SendAsync(caller, new ToolExecuted(call.DispatchId, result) { Worker = Name }, answerTo: null, limit.Token);
        }
        catch (OperationCanceledException)
        {
            Log.AnswerLost(_logger, call.DispatchId);
        }

        return true;
    }

    /// <summary>The last pulse says that no group's calls are taken any more.</summary>
    private async Task KeepPulseAsync()
    {
        using var timer = new PeriodicTimer(_options.WorkerPulse, _time);
        try
        {
            do
                await PulseAsync(_stopping.Token);
            while (await timer.WaitForNextTickAsync(_stopping.Token));
        }
        catch (OperationCanceledException)
        {
            using var limit = new CancellationTokenSource(_options.WorkerPulse, _time);
            await PulseAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task PulseAsync(CancellationToken cancellationToken) => Link.PublishAsync(new WorkerAlive(Name, _takes), cancellationToken);
}
