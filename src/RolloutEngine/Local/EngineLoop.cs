using System.Threading.Channels;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Scheduling;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>
/// The engine's one thread: drain commands, schedule, run, publish. Everything it touches is its own; the world reaches it through the
/// command channel and hears from it through each sequence's output. It takes no locks, awaits nothing, and allocates nothing per token.
/// </summary>
internal sealed class EngineLoop : IAsyncDisposable
{
    private readonly IModelRunner _runner;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PrefixCache _cache;
    private readonly TimeSpan _chunkInterval;
    private readonly bool _checkIntegrity;
    private readonly Scheduler _scheduler;
    private readonly ForwardBatch _batch;
    private readonly SampledToken[] _results;
    private readonly EngineCounters _counters;
    private readonly Channel<EngineCommand> _commands = Channel.CreateUnbounded<EngineCommand>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Exception? _crash;

    /// <param name="runner">Disposed with the loop.</param>
    public EngineLoop(IModelRunner runner, EngineOptions options, TimeProvider time, ILogger logger)
    {
        (_runner, _time, _logger) = (runner, time, logger);
        _checkIntegrity = options.CheckIntegrity;
        _chunkInterval = TimeSpan.FromMilliseconds(options.ChunkIntervalMs);
        _cache = new PrefixCache(
            new PagePool(runner.PageCount), options.PrefixCache, new PrefixLeases(TimeSpan.FromSeconds(options.PrefixCache ? options.LeaseSeconds : 0), time));
        _scheduler = new Scheduler(_cache, options);
        _counters = new EngineCounters(runner.PageCount);
        _batch = new ForwardBatch(options.MaxBatchTokens);
        _results = new SampledToken[options.MaxBatchTokens];
        new Thread(Run) { IsBackground = true, Name = "engine loop" }.Start();
    }

    public EngineStatistics Statistics => _counters.Snapshot();

    /// <summary>Queues a sequence; its output ends with a finish reason or an error.</summary>
    public void Submit(Sequence sequence)
    {
        sequence.Clock.Submitted(_time);
        if (!_commands.Writer.TryWrite(new EngineCommand(EngineCommand.Verb.Submit, sequence)))
            throw Stopped();
    }

    /// <summary>Takes a sequence out at the next step boundary; does nothing where it has ended.</summary>
    public void Cancel(Sequence sequence) => _commands.Writer.TryWrite(new EngineCommand(EngineCommand.Verb.Cancel, sequence));

    /// <summary>Ends the loop after the step that it is in; everything unfinished fails.</summary>
    public async ValueTask DisposeAsync()
    {
        _commands.Writer.TryComplete();
        await _stopped.Task;
    }

    private void Run()
    {
        try
        {
            while (AwaitWork())
                Step();
        }
        catch (Exception exception)
        {
            _crash = exception;
            Log.EngineCrashed(_logger, exception);
        }

        _commands.Writer.TryComplete();
        FailAll();
        _runner.Dispose();
        _stopped.SetResult();
    }

    /// <summary>Drains the commands; where there is nothing to compute, blocks until one arrives. False when the engine is disposed.</summary>
    private bool AwaitWork()
    {
        while (true)
        {
            while (_commands.Reader.TryRead(out EngineCommand command))
                Obey(command);
            if (_commands.Reader.Completion.IsCompleted)
                return false;
            if (_scheduler.HasWork)
                return true;
            _commands.Reader.WaitToReadAsync().AsTask().Wait();
        }
    }

    private void Obey(EngineCommand command)
    {
        if (command.Action == EngineCommand.Verb.Submit)
            _scheduler.Add(command.Sequence);
        else if (!command.Sequence.IsClosed)
            _scheduler.Remove(command.Sequence);
        _counters.Update(_scheduler, _cache);
    }

    private void Step()
    {
        ReadOnlySpan<ScheduledChunk> chunks = _scheduler.Schedule(_batch);
        _runner.CopyPages(_batch.Copies);
        _runner.Run(_batch, _results);
        int outputs = _batch.Outputs.Length;
        _counters.CountStep(prefilled: _batch.TokenCount - DecodedTokens(chunks), sampled: outputs);

        ReadOnlySpan<SampledToken> results = _results.AsSpan(0, outputs);
        foreach (ScheduledChunk chunk in chunks)
        {
            Accept(chunk, results[..chunk.Outputs]);
            results = results[chunk.Outputs..];
        }

        if (_checkIntegrity)
            _scheduler.CheckIntegrity();

        // Pages are counted as free before anyone hears of the end that freed them.
        _counters.Update(_scheduler, _cache);
        long now = _time.GetTimestamp();
        foreach (ScheduledChunk chunk in chunks)
        {
            if (chunk.Outputs > 0 && (chunk.Sequence.IsClosed || chunk.Sequence.Clock.IsChunkDue(now, _chunkInterval)))
                chunk.Sequence.Output.HandOver();
        }
    }

    private static int DecodedTokens(ReadOnlySpan<ScheduledChunk> chunks)
    {
        int decoded = 0;
        foreach (ScheduledChunk chunk in chunks)
            decoded += chunk is { Tokens: 1, Outputs: 1 } ? 1 : 0;
        return decoded;
    }

    private void Accept(ScheduledChunk chunk, ReadOnlySpan<SampledToken> results)
    {
        Sequence sequence = chunk.Sequence;
        if (results.Length > 0)
            sequence.Clock.Sampled();
        FinishReason? finish = null;
        foreach (SampledToken result in results)
        {
            if (float.IsNaN(result.Logprob))
            {
                _scheduler.Discard(sequence);
                sequence.Output.Fail(new EngineException($"Request '{sequence.Id}' led to logits that are not finite after {sequence.Count} tokens."));
                return;
            }

            finish = sequence.Accept(result);
        }

        _scheduler.Advance(chunk);
        if (finish is not null)
            _scheduler.Remove(sequence, isFinished: true);
    }

    private void FailAll()
    {
        while (_commands.Reader.TryRead(out EngineCommand command))
            Obey(command);
        while (_scheduler.Any is { } sequence)
        {
            _scheduler.Remove(sequence);
            sequence.Output.Fail(Stopped());
        }

        _counters.Update(_scheduler, _cache);
    }

    private EngineException Stopped() => _crash is { } crash
        ? new EngineException($"The engine has stopped after an error: {crash.Message}", crash)
        : new EngineException("The engine has been disposed.");
}
