namespace AgentRollout.Tools.Dispatch;

/// <summary>Whether calls can leave this process, or reach it, and find somebody to run them.</summary>
public sealed class ToolBusHealth
{
    private readonly BusLink _link;
    private readonly Func<IEnumerable<string>> _unserved;

    /// <param name="unserved">The groups for which no worker was heard of.</param>
    internal ToolBusHealth(BusLink link, Func<IEnumerable<string>> unserved)
    {
        _link = link;
        _unserved = unserved;
    }

    /// <summary>What is wrong, in one sentence, or null. Calls wait within their time-outs meanwhile.</summary>
    public string? FindProblem()
    {
        if (!_link.IsUp)
            return "The broker of the tool bus does not answer.";
        string[] groups = [.. _unserved()];
        return groups is [] ? null : $"No worker takes the calls of the tool groups: {string.Join(", ", groups)}.";
    }
}
