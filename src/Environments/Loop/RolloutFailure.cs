namespace AgentRollout.Environments.Loop;

/// <summary>What broke outside the model, attributed to the boundary it crossed.</summary>
/// <param name="Boundary">Where it came from.</param>
/// <param name="Message">One sentence.</param>
public sealed record RolloutFailure(FailureBoundary Boundary, string Message);

/// <summary>The boundaries that a failure can cross.</summary>
public enum FailureBoundary
{
    /// <summary>The engine refused or lost a request.</summary>
    Engine,

    /// <summary>A tool to be offered is unknown, or the dispatcher of tools broke; a tool that fails is data, not a failure.</summary>
    Tool,

    /// <summary>The environment threw.</summary>
    Environment,

    /// <summary>Template or tokenizer could not render or read a message.</summary>
    Rendering,

    /// <summary>A bug of the loop itself.</summary>
    Loop,
}

/// <summary>Carries a <see cref="RolloutFailure"/> from where it happened to where the trajectory is sealed.</summary>
internal sealed class RolloutFailureException(FailureBoundary boundary, Exception cause)
    : Exception($"{boundary}: {cause.Message}", cause)
{
    public RolloutFailure Failure { get; } = new(boundary, cause.Message);
}

/// <summary>The only classifier: runs a call across a boundary and attributes what it throws.</summary>
internal static class Boundary
{
    /// <summary>Cancellation passes through untouched; anything else is attributed to <paramref name="boundary"/>.</summary>
    public static async ValueTask<T> RunAsync<T>(FailureBoundary boundary, Func<ValueTask<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or RolloutFailureException))
        {
            throw new RolloutFailureException(boundary, exception);
        }
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public static T Run<T>(FailureBoundary boundary, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or RolloutFailureException))
        {
            throw new RolloutFailureException(boundary, exception);
        }
    }
}
