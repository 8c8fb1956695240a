using System.Collections.Concurrent;
using System.ComponentModel;
using AgentRollout.Tools.Builtin;

namespace AgentRollout.Tools.Tests.Dispatch;

/// <summary>Tools that behave in every way that a tool can misbehave, and what they saw.</summary>
internal sealed class TestTools
{
    private int _atOnce;
    private int _hangs;

    public TaskCompletionSource HangStarted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource HangCancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConcurrentDictionary<string, int> Runs { get; } = [];

    public int MostAtOnce { get; private set; }

    public IEnumerable<ITool> All =>
    [
        CalculatorTool.Create(),
        new DelegateTool(Echo), new DelegateTool(Throw), new DelegateTool(HangAsync), new DelegateTool(DeafAsync),
        new DelegateTool(Spin), new DelegateTool(Long), new DelegateTool(CountAsync),
    ];

    public async Task WaitForHangsAsync(int count)
    {
        while (Volatile.Read(ref _hangs) < count)
            await Task.Delay(5);
    }

    [Description("Says it again.")]
    private static string Echo(string text) => text;

    [Description("Throws.")]
    private static string Throw(string message) => throw new InvalidOperationException(message);

    [Description("Waits for its cancellation.")]
    private async Task<string> HangAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _hangs);
        HangStarted.TrySetResult();
        try
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "never";
        }
        finally
        {
            HangCancelled.TrySetResult();
        }
    }

    [Description("Ignores its cancellation.")]
    private static async Task<string> DeafAsync()
    {
        await Task.Delay(6_000);
        return "late";
    }

    [Description("Blocks its thread.")]
    private static string Spin()
    {
        Thread.Sleep(6_000);
        return "late";
    }

    [Description("Answers at length.")]
    private static string Long(int length) => string.Concat(Enumerable.Repeat("😀", length / 2));

    [Description("Counts its runs.")]
    private async Task<string> CountAsync(string key)
    {
        lock (Runs)
            MostAtOnce = Math.Max(MostAtOnce, ++_atOnce);
        Runs.AddOrUpdate(key, 1, (_, count) => count + 1);
        await Task.Delay(2);
        lock (Runs)
            _atOnce--;
        return key;
    }
}
