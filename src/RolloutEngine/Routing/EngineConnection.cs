namespace AgentRollout.RolloutEngine.Routing;

/// <summary>One connection to an engine, from when it is made until it is lost.</summary>
internal sealed class EngineConnection(IEngineNode node) : IAsyncDisposable
{
    private readonly CancellationTokenSource _gone = new();

    public IEngineNode Node => node;

    /// <summary>Cancelled once it is lost: an engine that nobody hears of any more does not end its streams by itself.</summary>
    public CancellationToken Gone => _gone.Token;

    /// <summary>Ends what is still asked over it, then the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        if (node is IAsyncDisposable asynchronous)
            await asynchronous.DisposeAsync();
        else
            (node as IDisposable)?.Dispose();
        _gone.Dispose();
    }
}
