namespace AgentRollout.Tools;

/// <summary>A named function that the model may call. Implementations are stateless and safe to call concurrently.</summary>
public interface ITool
{
    /// <summary>Name, description and JSON schema of the arguments; does not change.</summary>
    ToolSpec Spec { get; }

    /// <summary>
    /// Runs one call and returns the text that the model reads. Ordinary exceptions are turned into a typed failure by the dispatcher.
    /// The arguments have been checked against the schema.
    /// </summary>
    Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken);
}
