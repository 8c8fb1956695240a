using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>
/// Full-text search over a corpus on this machine: SQLite's FTS5 with Porter stemming, accents ignored, ranked by BM25 over title and text.
/// A passage fits where it has any word of the query; in a large corpus, any word but the most frequent. Equal scores keep the corpus' order.
/// Disposing ends searches that still wait.
/// </summary>
public sealed class LocalIndexSearch : ISearchProvider, IDisposable
{
    /// <summary>How much of the file all readers together map; pages beyond it are read as they are needed.</summary>
    private const long MappedBytes = 192 << 20;

    private readonly SqliteConnection _owner;
    private readonly Channel<IndexReader> _idle = Channel.CreateUnbounded<IndexReader>();

    private LocalIndexSearch(SqliteConnection owner, SearchIndexOptions options)
    {
        _owner = owner;
        int readers = Math.Min(Environment.ProcessorCount, 8);
        for (int i = 0; i < readers; i++)
            _idle.Writer.TryWrite(new IndexReader(owner.ConnectionString, options, MappedBytes / readers));
    }

    /// <summary>Reads a corpus of JSON lines <c>{"id", "title", "text"}</c> into memory.</summary>
    /// <exception cref="ToolException">A line is bad; the message names file, line number and what is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static LocalIndexSearch FromJsonLines(string path, SearchIndexOptions? options = null) => FromPassages(CorpusFile.Read(path), options);

    /// <summary>Indexes passages in memory.</summary>
    public static LocalIndexSearch FromPassages(IEnumerable<Passage> passages, SearchIndexOptions? options = null)
    {
        SqliteConnection owner = IndexDatabase.InMemory();
        return Open(owner, options, () => IndexDatabase.Fill(owner, passages, fingerprint: "", progress: null, CancellationToken.None));
    }

    /// <summary>
    /// Keeps the index of a large corpus in a database file. The file is read where it was made from the same corpus, and made anew otherwise.
    /// </summary>
    /// <inheritdoc cref="FromJsonLines(string, SearchIndexOptions)" path="/exception"/>
    public static LocalIndexSearch FromJsonLines(string path, string indexPath, SearchIndexOptions? options = null)
    {
        string fingerprint = CorpusFile.Fingerprint(path);
        if (!IndexDatabase.IsIndexOf(indexPath, fingerprint))
            IndexDatabase.Build(indexPath, CorpusFile.Read(path), fingerprint, progress: null, CancellationToken.None);
        return FromIndex(indexPath, options);
    }

    /// <summary>Opens an index that <see cref="Build"/> made.</summary>
    /// <exception cref="ToolException">The file is no index of this version.</exception>
    public static LocalIndexSearch FromIndex(string indexPath, SearchIndexOptions? options = null) =>
        Open(IndexDatabase.ReadOnly(indexPath), options, fill: null);

    /// <summary>Makes an index file of a corpus of JSON lines. It takes the place of an older one only when it is whole.</summary>
    /// <param name="path">The corpus.</param>
    /// <param name="indexPath">The file to make.</param>
    /// <param name="progress">Is told the number of passages read, now and then.</param>
    /// <param name="cancellationToken">Ends the work; nothing is left then.</param>
    /// <inheritdoc cref="FromJsonLines(string, SearchIndexOptions)" path="/exception"/>
    public static void Build(string path, string indexPath, IProgress<long>? progress = null, CancellationToken cancellationToken = default) =>
        IndexDatabase.Build(indexPath, CorpusFile.Read(path), CorpusFile.Fingerprint(path), progress, cancellationToken);

    /// <inheritdoc/>
    public async Task<SearchResult> SearchAsync(string query, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        IReadOnlyList<string> terms = SearchTerms.Of(query);
        if (terms.Count == 0)
            throw new ToolException("The query has no words to search for.");
        IndexReader reader = await _idle.Reader.ReadAsync(cancellationToken);
        try
        {
            return reader.Search(terms, limit);
        }
        finally
        {
            if (!_idle.Writer.TryWrite(reader))
                reader.Dispose();
        }
    }

    public void Dispose()
    {
        _idle.Writer.TryComplete();
        while (_idle.Reader.TryRead(out IndexReader? reader))
            reader.Dispose();
        _owner.Dispose();
    }

    private static LocalIndexSearch Open(SqliteConnection owner, SearchIndexOptions? options, Action? fill)
    {
        try
        {
            fill?.Invoke();
            return new LocalIndexSearch(owner, options ?? new SearchIndexOptions());
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }
}
