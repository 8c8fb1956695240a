namespace AgentRollout.RolloutEngine.Local;

/// <summary>Something that the loop does between two steps, once it may.</summary>
/// <param name="isReady">Asked before every step, on the loop's thread.</param>
internal abstract class LoopTask(Func<bool> isReady)
{
    public bool IsReady => isReady();

    /// <summary>Does it, on the loop's thread; what it throws goes to who waits for it.</summary>
    public abstract void Run();

    /// <summary>Gives it up.</summary>
    public abstract void Fail(EngineException error);
}

/// <summary>The same with a result.</summary>
internal sealed class LoopTask<T>(Func<bool> isReady, Func<T> action) : LoopTask(isReady)
{
    private readonly TaskCompletionSource<T> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _source.Task;

    public override void Run()
    {
        try
        {
            _source.SetResult(action());
        }
        catch (EngineException error)
        {
            _source.SetException(error);
        }
    }

    public override void Fail(EngineException error) => _source.SetException(error);
}
