using System.Runtime.CompilerServices;
using AgentRollout.Environments.Loop;

namespace AgentRollout.Gateway.Rollouts;

/// <summary>
/// What was sampled of one running trajectory. Every reader gets all of it from the first token, at its own pace: readers share the log,
/// which ends with its trajectory, so a slow one costs nothing.
/// </summary>
internal sealed class TokenLog
{
    private readonly Lock _lock = new();
    private readonly List<TokensSampled> _tokens = [];
    private readonly ChangeSignal _changed = new();
    private bool _ended;

    public void Append(TokensSampled tokens)
    {
        lock (_lock)
            _tokens.Add(tokens);
        _changed.Pulse();
    }

    public void End()
    {
        lock (_lock)
            _ended = true;
        _changed.Pulse();
    }

    /// <summary>Everything sampled so far, then what follows, until the trajectory is sealed.</summary>
    public async IAsyncEnumerable<TokensSampled> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int read = 0;
        while (true)
        {
            Task changed = _changed.Next;
            TokensSampled[] news;
            bool ended;
            lock (_lock)
            {
                news = _tokens[read..].ToArray();
                ended = _ended;
            }

            foreach (TokensSampled tokens in news)
                yield return tokens;
            read += news.Length;
            if (ended)
                yield break;
            await changed.WaitAsync(cancellationToken);
        }
    }
}
