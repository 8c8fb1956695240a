namespace AgentRollout.RolloutEngine.Routing;

/// <summary>A request's place at an engine.</summary>
internal sealed class EngineLease : IDisposable
{
    private readonly Fleet _fleet;
    private readonly EngineSlot _slot;
    private readonly EngineConnection _connection;
    private readonly CancellationToken _gone;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _either;

    public EngineLease(Fleet fleet, EngineSlot slot, EngineConnection connection, CancellationToken caller)
    {
        (_fleet, _slot, _connection, _caller) = (fleet, slot, connection, caller);
        _gone = connection.Gone;
        _either = CancellationTokenSource.CreateLinkedTokenSource(_gone, caller);
    }

    public IEngineNode Node => _connection.Node;

    public string Engine => _slot.Name;

    /// <summary>Cancelled by the caller, or because the engine is gone.</summary>
    public CancellationToken Token => _either.Token;

    /// <summary>The next chunk; null where the engine is lost.</summary>
    public async ValueTask<TokenChunk?> NextAsync(IAsyncEnumerator<TokenChunk> chunks)
    {
        try
        {
            if (await chunks.MoveNextAsync())
                return chunks.Current with { Engine = Engine };
            _fleet.Lose(_slot, Node, $"Engine '{Engine}' ended a stream without a finish reason.");
            return null;
        }
        catch (EngineException exception) when (exception.IsLost)
        {
            _fleet.Lose(_slot, Node, exception.Message);
            return null;
        }
        catch (Exception) when (_gone.IsCancellationRequested && !_caller.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _either.Dispose();
        _fleet.Return(_slot);
    }
}
