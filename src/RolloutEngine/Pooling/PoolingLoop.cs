using System.Threading.Channels;
using AgentRollout.RolloutEngine.Cache;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>One thread that takes whatever waits, in order of arrival, into batches of whole sequences.</summary>
internal sealed class PoolingLoop : IAsyncDisposable
{
    private readonly IPoolingRunner _runner;
    private readonly PoolingHead? _head;
    private readonly ILogger _logger;
    private readonly Channel<PooledJob> _waiting = Channel.CreateUnbounded<PooledJob>(new UnboundedChannelOptions { SingleReader = true });
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PooledJob> _batch = [];

    /// <param name="runner">Disposed with the loop.</param>
    /// <param name="head">Turns a pooled vector into a result; null for the vector itself. Disposed with the loop.</param>
    public PoolingLoop(IPoolingRunner runner, PoolingHead? head, ILogger logger)
    {
        (_runner, _head, _logger) = (runner, head, logger);
        new Thread(Run) { IsBackground = true, Name = "pooling loop" }.Start();
    }

    public void Submit(PooledJob job)
    {
        if (!_waiting.Writer.TryWrite(job))
            throw new EngineException("The engine has stopped.");
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _stopped.Task;
    }

    private void Run()
    {
        try
        {
            while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                Take();
                if (_batch.Count > 0)
                    _runner.Run(_batch);
                foreach (PooledJob job in _batch)
                    job.Result.TrySetResult(_head?.Apply(job.Finish()) ?? job.Finish());
            }
        }
        catch (Exception exception)
        {
            Log.EngineCrashed(_logger, exception);
            _waiting.Writer.TryComplete();
            FailAll(new EngineException($"The engine has stopped after an error: {exception.Message}", exception));
        }

        _runner.Dispose();
        _head?.Dispose();
        _stopped.SetResult();
    }

    private void Take()
    {
        _batch.Clear();
        int slots = 0;
        while (_waiting.Reader.TryPeek(out PooledJob? job) && slots + SlotsFor(job) <= _runner.MaxSlots)
        {
            slots += SlotsFor(job);
            _waiting.Reader.TryRead(out _);
            if (!job.Result.Task.IsCompleted)
                _batch.Add(job);
        }
    }

    private void FailAll(EngineException error)
    {
        foreach (PooledJob job in _batch)
            job.Result.TrySetException(error);
        while (_waiting.Reader.TryRead(out PooledJob? job))
            job.Result.TrySetException(error);
    }

    private static int SlotsFor(PooledJob job) => PagePool.PagesFor(job.Length) * PagePool.PageTokens;
}
