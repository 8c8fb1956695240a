namespace AgentRollout.RolloutEngine.Backends;

/// <summary>Computes a batch on one kind of device. It owns the weights and the pages' memory, and samples, so that logits stay with it.</summary>
internal interface IModelRunner : IDisposable
{
    /// <summary>What it computes with, for people: <c>avx512</c>, for example.</summary>
    string ComputePath { get; }

    /// <summary>Part of the last batch's time that sampling took.</summary>
    TimeSpan SamplingTime => TimeSpan.Zero;

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

    /// <summary>
    /// Prepares the weights of a model folder or file of the same shape beside those in use, for <see cref="UseWeights"/>. May run on another thread
    /// while batches are computed. Disposed by the caller unless it is put to use.
    /// </summary>
    /// <exception cref="EngineException">The folder or file is damaged, or its tensors are of another shape.</exception>
    IRunnerWeights LoadWeights(string path);

    /// <summary>Throws where the tensors of a model folder or file, whatever their values, are not those that <see cref="LoadWeights"/> needs.</summary>
    /// <exception cref="EngineException">The first tensor that is missing, too many, misshaped or of another dtype, by name.</exception>
    void CheckWeights(string path);

    /// <summary>Computes with these weights from the next batch on and frees the ones before. The runner owns them now.</summary>
    void UseWeights(IRunnerWeights weights);

    /// <summary>Frees the weights, which <see cref="UseWeights"/> has to replace before the next batch. Returns the bytes they took.</summary>
    long ReleaseWeights();

    /// <summary>
    /// Gives the memory of all pages back to the system; what they held is lost, and they take memory again as they are written. Returns the
    /// bytes by which the process became smaller.
    /// </summary>
    long ReleasePages();
}
