namespace AgentRollout.Tools;

/// <summary>The tools of one trajectory from its start to its end; see <see cref="ToolCatalog.Pin"/>.</summary>
public sealed class PinnedTools : IDisposable
{
    private readonly Action _unpin;

    internal PinnedTools(ToolSnapshot tools, Action unpin) => (Tools, _unpin) = (tools, unpin);

    /// <summary>What may be offered to the trajectory, and what its calls find.</summary>
    public ToolSnapshot Tools { get; }

    /// <summary>The trajectory makes no further call.</summary>
    public void Dispose() => _unpin();
}
