using System.Threading.Channels;

namespace AgentRollout.Tools;

/// <summary>
/// Bounds how many calls of something run at once; others wait in the order in which they came. A channel rather than a semaphore, since tools
/// come and go without anybody who disposes them.
/// </summary>
internal sealed class CallSlots(int most)
{
    private readonly Channel<bool> _taken = Channel.CreateBounded<bool>(most);

    public async Task<T> RunAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        await _taken.Writer.WriteAsync(true, cancellationToken);
        try
        {
            return await call();
        }
        finally
        {
            _taken.Reader.TryRead(out _);
        }
    }
}
