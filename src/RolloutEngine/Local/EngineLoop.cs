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
    /// <summary>Timers take no more than some weeks; whoever wakes too early sleeps again.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromHours(1);

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
    private readonly Queue<LoopTask> _tasks = [];
    private readonly ITimer _alarm;
    private readonly Channel<EngineCommand> _commands = Channel.CreateUnbounded<EngineCommand>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isPaused;
    private volatile EngineMemory _released;
    private long _weightVersion;
    private volatile Exception? _crash;
    private volatile bool _isDisposed;

    /// <param name="runner">Disposed with the loop.</param>
    /// <param name="options">Limits.</param>
    /// <param name="weightVersion">Of the weights that the runner has.</param>
    /// <param name="time">For deadlines, leases, timings and the interval of chunks.</param>
    /// <param name="logger">Hears of crashes.</param>
    public EngineLoop(IModelRunner runner, EngineOptions options, long weightVersion, TimeProvider time, ILogger logger)
    {
        _weightVersion = weightVersion;
        (_runner, _time, _logger) = (runner, time, logger);
        _checkIntegrity = options.CheckIntegrity;
        _chunkInterval = TimeSpan.FromMilliseconds(options.ChunkIntervalMs);
        _cache = new PrefixCache(
            new PagePool(runner.PageCount), options.PrefixCache, new PrefixLeases(TimeSpan.FromSeconds(options.PrefixCache ? options.LeaseSeconds : 0), time));
        _scheduler = new Scheduler(_cache, options);
        _counters = new EngineCounters(runner.PageCount);
        _batch = new ForwardBatch(options.MaxBatchTokens);
        _results = new SampledToken[options.MaxBatchTokens];
        _alarm = time.CreateTimer(_ => _commands.Writer.TryWrite(new EngineCommand(EngineCommand.Verb.Wake, null)), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        new Thread(Run) { IsBackground = true, Name = "engine loop" }.Start();
    }

    public EngineStatistics Statistics => _counters.Snapshot();

    /// <summary>Rises with every change of weights.</summary>
    public long WeightVersion => Volatile.Read(ref _weightVersion);

    /// <summary>Memory that is lent at present.</summary>
    public EngineMemory Released => _released;

    /// <summary>Queues a sequence; its output ends with a finish reason or an error.</summary>
    public void Submit(Sequence sequence)
    {
        sequence.Clock.Submitted(_time);
        if (!_commands.Writer.TryWrite(new EngineCommand(EngineCommand.Verb.Submit, sequence)))
            throw Stopped();
    }

    /// <summary>Takes a sequence out at the next step boundary; does nothing where it has ended.</summary>
    public void Cancel(Sequence sequence) => _commands.Writer.TryWrite(new EngineCommand(EngineCommand.Verb.Cancel, sequence));

    /// <summary>Whether it holds still until <see cref="ResumeAsync"/>.</summary>
    public bool IsPaused => _isPaused;

    /// <summary>Stops after the step that it is in, until <see cref="ResumeAsync"/>; sequences keep their places, and their pages unless these are retracted.</summary>
    public Task PauseAsync(bool retract) => InvokeAsync(() =>
    {
        foreach (Sequence sequence in _scheduler.AllStarted())
            sequence.Output.HandOver();
        if (retract)
            _scheduler.PreemptAll();
        return _isPaused = true;
    });

    public Task ResumeAsync() => InvokeAsync(() => _isPaused = false);

    /// <summary>Forgets what no running sequence uses; returns the number of pages that are free by it.</summary>
    public Task<int> FlushCacheAsync() => InvokeAsync(() =>
    {
        int before = _cache.Free;
        _cache.Flush();
        return _cache.Free - before;
    });

    /// <summary>Puts prepared weights to use at a step boundary; where running sequences are to finish, once they have.</summary>
    /// <returns>When the change began and when the cache was flushed, as timestamps.</returns>
    public async Task<(long Began, long Flushed)> UseWeightsAsync(
        IRunnerWeights weights, long version, RunningSequences running, KvCachePolicy kvCache)
    {
        await InvokeAsync(() =>
        {
            if (running == RunningSequences.Finish && !CanStep && _scheduler.Started > 0)
                throw new EngineException($"The engine is paused, so that {_scheduler.Started} running sequences cannot finish; resume it, or choose 'continue' or 'abort'.");
            return _scheduler.AdmitsNobody = running == RunningSequences.Finish;
        });
        return await InvokeAsync(() => running != RunningSequences.Finish || _scheduler.Started == 0, () =>
        {
            long began = _time.GetTimestamp();
            _scheduler.AdmitsNobody = false;
            if (running == RunningSequences.Abort)
                Interrupt();
            if (kvCache == KvCachePolicy.Flush)
                ForgetAll();
            long flushed = _time.GetTimestamp();
            _runner.UseWeights(weights);
            _released &= ~EngineMemory.Weights;
            Volatile.Write(ref _weightVersion, version);
            return (began, flushed);
        });
    }

    /// <summary>Interrupts what runs and gives memory back to the system.</summary>
    public Task<ReleasedMemory> ReleaseAsync(EngineMemory memory) => InvokeAsync(() =>
    {
        Interrupt();
        ForgetAll();
        EngineMemory held = memory & ~_released;
        _released |= memory;
        return new ReleasedMemory(
            held.HasFlag(EngineMemory.Weights) ? _runner.ReleaseWeights() : 0, held.HasFlag(EngineMemory.KvCache) ? _runner.ReleasePages() : 0);
    });

    /// <summary>Takes memory back, with weights where these were released.</summary>
    public Task<EngineMemory> TakeBackAsync(EngineMemory memory, IRunnerWeights? weights) => InvokeAsync(() =>
    {
        if (weights is not null)
            _runner.UseWeights(weights);
        return _released &= ~memory;
    });

    /// <summary>Ends the loop after the step that it is in; everything unfinished fails.</summary>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        _commands.Writer.TryComplete();
        await _stopped.Task;
    }

    private bool CanStep => !_isPaused && _released == EngineMemory.None;

    private Task<T> InvokeAsync<T>(Func<T> action) => InvokeAsync(() => true, action);

    private Task<T> InvokeAsync<T>(Func<bool> isReady, Func<T> action)
    {
        LoopTask<T> task = new(isReady, action);
        return _commands.Writer.TryWrite(new EngineCommand(EngineCommand.Verb.Invoke, null, task)) ? task.Result : Task.FromException<T>(Stopped());
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
        _alarm.Dispose();
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
            // Not the channel's completion: it may never come where the last command is read at the moment of the end.
            if (_isDisposed)
                return false;
            EndOverdue();
            RunReadyTasks();
            if (_scheduler.HasWork && CanStep)
                return true;
            SetAlarm();
            _commands.Reader.WaitToReadAsync().AsTask().Wait();
        }
    }

    private void EndOverdue()
    {
        while (_scheduler.NextDeadline is not null && _scheduler.Due(_time.GetUtcNow()) is { } sequence)
            End(sequence, FinishReason.Deadline);
    }

    /// <summary>Lets the loop wake for the next deadline, since nothing is computed until then.</summary>
    private void SetAlarm()
    {
        if (_scheduler.NextDeadline is not { } deadline)
            return;
        TimeSpan left = deadline - _time.GetUtcNow();
        _alarm.Change(left < TimeSpan.Zero ? TimeSpan.Zero : left > LongestSleep ? LongestSleep : left, Timeout.InfiniteTimeSpan);
    }

    private void RunReadyTasks()
    {
        while (_tasks.TryPeek(out LoopTask? task) && task.IsReady)
        {
            _tasks.Dequeue();
            task.Run();
            _counters.Update(_scheduler, _cache);
        }
    }

    private void Obey(EngineCommand command)
    {
        if (command.Task is { } task)
            _tasks.Enqueue(task);
        else if (command.Action == EngineCommand.Verb.Submit)
            Accept(command.Sequence!);
        else if (command.Sequence is { IsClosed: false } cancelled)
            _scheduler.Remove(cancelled);
        _counters.Update(_scheduler, _cache);
    }

    private void Accept(Sequence sequence)
    {
        if (_released == EngineMemory.None)
        {
            _scheduler.Add(sequence);
            return;
        }

        string what = _released == EngineMemory.Weights ? "weights are" : _released == EngineMemory.KvCache ? "KV cache is" : "weights and KV cache are";
        sequence.IsClosed = true;
        sequence.Output.Fail(new EngineException($"Request '{sequence.Id}' cannot run: the engine's {what} released; resume them first."));
    }

    private void Step()
    {
        ReadOnlySpan<ScheduledChunk> chunks = _scheduler.Schedule(_batch);
        long started = _time.GetTimestamp();
        _runner.CopyPages(_batch.Copies);
        _runner.Run(_batch, _results);
        int outputs = _batch.Outputs.Length;
        _counters.CountStep(prefilled: _batch.TokenCount - DecodedTokens(chunks), sampled: outputs, _time.GetElapsedTime(started));

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

    private void Accept(in ScheduledChunk chunk, ReadOnlySpan<SampledToken> results)
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

            finish = sequence.Accept(result, _weightVersion);
        }

        _scheduler.Advance(chunk);
        if (finish is not null)
            _scheduler.Remove(sequence, isFinished: true);
    }

    /// <summary>Lets every sequence that has begun do what its request says for this case.</summary>
    private void Interrupt()
    {
        foreach (Sequence sequence in _scheduler.AllStarted())
        {
            if (sequence.OnInterrupt == InterruptPolicy.ReturnPartial)
            {
                End(sequence, FinishReason.Interrupted);
            }
            else if (sequence.OnInterrupt == InterruptPolicy.Restart)
            {
                _scheduler.Preempt(sequence);
                sequence.Restart();
            }
        }
    }

    /// <summary>Ends a sequence from outside, with what it has; its pages are counted as free before anyone hears of it.</summary>
    private void End(Sequence sequence, FinishReason reason)
    {
        _scheduler.Remove(sequence);
        _counters.Update(_scheduler, _cache);
        sequence.End(reason, _weightVersion);
    }

    private void ForgetAll()
    {
        _scheduler.PreemptAll();
        _cache.Flush();
    }

    private void FailAll()
    {
        while (_commands.Reader.TryRead(out EngineCommand command))
            Obey(command);
        while (_tasks.TryDequeue(out LoopTask? task))
            task.Fail(Stopped());
        while (_scheduler.Any is { } sequence)
        {
            _scheduler.Remove(sequence);
            sequence.Output.Fail(Stopped());
        }

        _counters.Update(_scheduler, _cache);
    }

    private EngineException Stopped() => _crash is { } crash
        ? new EngineException($"The engine has stopped after an error: {crash.Message}", crash) { IsLost = true }
        : new EngineException("The engine has been disposed.") { IsLost = true };
}
