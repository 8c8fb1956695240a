using System.Diagnostics;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>
/// The time of an engine with continuous batching: every sequence in the batch gets one token a step, and a step takes as long as
/// <see cref="BatchTime"/> says for so many. What is due is worked out from the clock, so that a timer that fires late delays answers and nothing else.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="steps">The time of a step.</param>
/// <param name="scale">What all times are divided by.</param>
internal sealed class SimulatedBatch(TimeProvider time, BatchTime steps, double scale) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly PriorityQueue<(TaskCompletionSource Done, int Tokens), double> _running = new();
    private ITimer? _timer;
    private double _stepsDone;
    private long _since;

    /// <summary>Tokens of the sequences that are done.</summary>
    public long Tokens { get; private set; }

    private TimeSpan StepTime => steps.Of(_running.Count) / scale;

    /// <summary>Ends when the engine has sampled so many tokens for one more sequence.</summary>
    public Task GenerateAsync(int tokens, CancellationToken cancellationToken)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            Advance();
            _running.Enqueue((done, tokens), _stepsDone + tokens);
            Arm();
        }

        return done.Task.WaitAsync(cancellationToken);
    }

    public void Dispose() => _timer?.Dispose();

    private void Advance()
    {
        TimeSpan elapsed = time.GetElapsedTime(_since);
        _since = time.GetTimestamp();
        while (_running.TryPeek(out (TaskCompletionSource Done, int Tokens) first, out double end))
        {
            TimeSpan needed = (end - _stepsDone) * StepTime;
            if (needed > elapsed)
            {
                _stepsDone += elapsed / StepTime;
                return;
            }

            elapsed -= needed;
            _stepsDone = end;
            _running.Dequeue();
            Tokens += first.Tokens;
            first.Done.SetResult();
        }
    }

    private void Arm()
    {
        if (!_running.TryPeek(out _, out double end))
            return;
        // A timer counts whole milliseconds and must not fire before the step is over.
        TimeSpan due = TimeSpan.FromMilliseconds(Math.Ceiling(((end - _stepsDone) * StepTime).TotalMilliseconds));
        _timer ??= time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(due, Timeout.InfiniteTimeSpan);
    }

    private void Tick()
    {
        lock (_lock)
        {
            Advance();
            Arm();
        }
    }
}
