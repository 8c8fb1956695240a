using System.Runtime.CompilerServices;

namespace AgentRollout.Gateway.Commands;

/// <summary>Works on several items at once and gives the results in the order of the items.</summary>
internal static class InOrder
{
    /// <param name="items">Taken as there is room for them.</param>
    /// <param name="concurrency">Most items in work.</param>
    /// <param name="work">What is done with each.</param>
    /// <param name="cancellationToken">Cancels what is in work; so does leaving the results early.</param>
    public static async IAsyncEnumerable<TResult> RunAsync<T, TResult>(
        IAsyncEnumerable<T> items, int concurrency, Func<T, CancellationToken, Task<TResult>> work, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource abort = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Queue<Task<TResult>> inWork = [];
        try
        {
            await foreach (T item in items.WithCancellation(abort.Token))
            {
                inWork.Enqueue(work(item, abort.Token));
                if (inWork.Count == concurrency)
                    yield return await inWork.Dequeue();
            }

            while (inWork.TryDequeue(out Task<TResult>? oldest))
                yield return await oldest;
        }
        finally
        {
            await abort.CancelAsync();
            await Task.WhenAll(inWork).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }
}
