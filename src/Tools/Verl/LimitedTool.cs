namespace AgentRollout.Tools.Verl;

/// <summary>A tool of which no more than so many calls run at once; others wait within the call's time-out.</summary>
internal sealed class LimitedTool(ITool tool, int mostAtOnce) : ITool
{
    private readonly CallSlots _slots = new(mostAtOnce);

    /// <inheritdoc/>
    public ToolSpec Spec => tool.Spec;

    /// <inheritdoc/>
    public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) =>
        _slots.RunAsync(() => tool.InvokeAsync(invocation, cancellationToken), cancellationToken);

    public override string? ToString() => tool.ToString();
}
