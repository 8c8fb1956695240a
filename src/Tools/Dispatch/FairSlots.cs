namespace AgentRollout.Tools.Dispatch;

/// <summary>
/// Bounds how many calls run at once. Those that wait take turns by key, so that a key with ten thousand calls is one among others; the calls of
/// one key go in the order in which they came. Safe to use concurrently.
/// </summary>
internal sealed class FairSlots(int most, TimeProvider time)
{
    private readonly Lock _lock = new();

    /// <summary>The calls that wait, by key. A line that ran empty stays until its turn comes.</summary>
    private readonly Dictionary<string, Line> _lines = [];

    /// <summary>Each of the lines once, the next to be served first.</summary>
    private readonly Queue<Line> _turns = [];

    /// <summary>Zero while a call waits.</summary>
    private int _free = most;

    /// <summary>Waits for a slot, which the caller then <see cref="Release">releases</see>; false where none came in time.</summary>
    public ValueTask<bool> TakeAsync(string key, TimeSpan patience, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (patience <= TimeSpan.Zero)
            return new ValueTask<bool>(false);
        LinkedListNode<TaskCompletionSource> call;
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return new ValueTask<bool>(true);
            }

            call = LineOf(key).Calls.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        return WaitAsync(call, patience, cancellationToken);
    }

    public void Release()
    {
        lock (_lock)
        {
            while (_turns.TryDequeue(out Line? line))
            {
                LinkedListNode<TaskCompletionSource>? next = line.Calls.First;
                if (next is not null)
                    line.Calls.Remove(next);
                if (line.Calls.Count > 0)
                    _turns.Enqueue(line);
                else
                    _lines.Remove(line.Key);
                if (next is not null)
                {
                    next.Value.SetResult();
                    return;
                }
            }

            _free++;
        }
    }

    private async ValueTask<bool> WaitAsync(LinkedListNode<TaskCompletionSource> call, TimeSpan patience, CancellationToken cancellationToken)
    {
        await call.Value.Task.WaitAsync(patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        bool served;
        lock (_lock)
        {
            served = call.List is null;
            call.List?.Remove(call);
        }

        if (!cancellationToken.IsCancellationRequested)
            return served;
        if (served)
            Release();
        throw new OperationCanceledException(cancellationToken);
    }

    private Line LineOf(string key)
    {
        if (!_lines.TryGetValue(key, out Line? line))
        {
            line = new Line(key, []);
            _lines.Add(key, line);
            _turns.Enqueue(line);
        }

        return line;
    }

    private sealed record Line(string Key, LinkedList<TaskCompletionSource> Calls);
}
