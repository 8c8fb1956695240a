using System.ComponentModel;
using AgentRollout.Tools;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>The tool of the scripted conversations. What it does while a call runs is changed between measurements.</summary>
internal sealed class LoopTools
{
    public const string Result = "This part says: 17 times 24 is 408, and 408 less 58 is 350. There is nothing else in it.";

    private Func<ToolInvocation, CancellationToken, Task> _work = DoNothing;

    public LoopTools() => Tool = new DelegateTool(LookAtAsync, "look_at");

    public ITool Tool { get; }

    /// <summary>What a call does before it answers; by default nothing.</summary>
    public Func<ToolInvocation, CancellationToken, Task>? Work
    {
        set => _work = value ?? DoNothing;
    }

    private static Task DoNothing(ToolInvocation invocation, CancellationToken cancellationToken) => Task.CompletedTask;

    [Description("Looks at a part of the problem.")]
    private async Task<string> LookAtAsync(string part, ToolInvocation invocation, CancellationToken cancellationToken)
    {
        await _work(invocation, cancellationToken);
        return Result;
    }
}
