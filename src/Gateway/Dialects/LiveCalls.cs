using System.Collections.Concurrent;

namespace AgentRollout.Gateway.Dialects;

/// <summary>The calls of all dialects that are under way, so that others can abort them by name. Thread-safe.</summary>
internal sealed class LiveCalls
{
    private readonly ConcurrentDictionary<LiveCall, string> _calls = new();

    /// <summary>Calls under way.</summary>
    public int Count => _calls.Count;

    /// <summary>Names a call until it is disposed.</summary>
    public LiveCall Begin(string id, CancellationToken cancellationToken)
    {
        LiveCall call = new(this, cancellationToken);
        _calls[call] = id;
        return call;
    }

    /// <summary>Ends the calls whose ids begin so; the empty prefix ends all.</summary>
    /// <returns>How many there were.</returns>
    public int Abort(string idPrefix)
    {
        int count = 0;
        foreach ((LiveCall call, string id) in _calls)
        {
            if (!id.StartsWith(idPrefix, StringComparison.Ordinal))
                continue;
            call.Abort();
            count++;
        }

        return count;
    }

    private void End(LiveCall call) => _calls.TryRemove(call, out _);

    /// <summary>One call under way.</summary>
    public sealed class LiveCall : IDisposable
    {
        private readonly LiveCalls _calls;
        private readonly CancellationTokenSource _abort = new();
        private readonly CancellationTokenSource _either;

        public LiveCall(LiveCalls calls, CancellationToken cancellationToken)
        {
            _calls = calls;
            _either = CancellationTokenSource.CreateLinkedTokenSource(_abort.Token, cancellationToken);
        }

        /// <summary>Cancelled when the call is aborted or its client is gone.</summary>
        public CancellationToken Token => _either.Token;

        /// <summary>Whether somebody aborted it.</summary>
        public bool IsAborted => _abort.IsCancellationRequested;

        public void Abort()
        {
            try
            {
                _abort.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended by itself meanwhile.
            }
        }

        public void Dispose()
        {
            _calls.End(this);
            _either.Dispose();
            _abort.Dispose();
        }
    }
}
