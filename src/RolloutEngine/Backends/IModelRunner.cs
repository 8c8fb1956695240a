namespace AgentRollout.RolloutEngine.Backends;

/// <summary>Computes a batch on one kind of device. It owns the weights and the pages' memory, and samples, so that logits stay with it.</summary>
internal interface IModelRunner : IDisposable
{
    /// <summary>What it computes with, for people: <c>avx512</c>, for example.</summary>
    string ComputePath { get; }

    /// <summary>Pages of 16 token slots that it has memory for.</summary>
    int PageCount { get; }

    /// <summary>Memory of one page.</summary>
    long PageBytes { get; }

    /// <summary>
    /// Copies the keys and values of whole pages, in the order given, so that a page that others share can be written on. Called by the
    /// thread that runs the batches, between them.
    /// </summary>
    void CopyPages(ReadOnlySpan<(int From, int To)> pages);

    /// <summary>
    /// Computes all tokens of the batch, writes their keys and values to their pages, and fills one result per output of the batch.
    /// A row's result depends on its own sequence only. Called by one thread at a time.
    /// </summary>
    void Run(ForwardBatch batch, Span<SampledToken> results);
}
