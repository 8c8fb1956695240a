using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>
/// Full-text search over a corpus on this machine: SQLite's FTS5 with Porter stemming, accents ignored, ranked by BM25 over title and text.
/// A passage fits where it has any word of the query. Equal scores keep the corpus' order. Disposing ends searches that still wait.
/// </summary>
public sealed class LocalIndexSearch : ISearchProvider, IDisposable
{
    private readonly SqliteConnection _owner;
    private readonly Channel<IndexReader> _idle = Channel.CreateUnbounded<IndexReader>();

    private LocalIndexSearch(SqliteConnection owner)
    {
        _owner = owner;
        for (int i = 0; i < Math.Min(Environment.ProcessorCount, 8); i++)
            _idle.Writer.TryWrite(new IndexReader(owner.ConnectionString));
    }

    /// <summary>Reads a corpus of JSON lines <c>{"id", "title", "text"}</c> into memory.</summary>
    /// <exception cref="ToolException">A line is bad; the message names file, line number and what is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static LocalIndexSearch FromJsonLines(string path) => FromPassages(CorpusFile.Read(path));

    /// <summary>Indexes passages in memory.</summary>
    public static LocalIndexSearch FromPassages(IEnumerable<Passage> passages) => Open(IndexDatabase.InMemory(), passages);

    /// <summary>
    /// Keeps the index of a large corpus in a database file. The file is read where it was made from the same corpus, and made anew otherwise.
    /// </summary>
    /// <inheritdoc cref="FromJsonLines(string)" path="/exception"/>
    public static LocalIndexSearch FromJsonLines(string path, string databasePath)
    {
        string fingerprint = CorpusFile.Fingerprint(path);
        return Open(IndexDatabase.InFile(databasePath), CorpusFile.Read(path), fingerprint);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SearchHit>> SearchAsync(string query, int limit, CancellationToken cancellationToken)
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

    private static LocalIndexSearch Open(SqliteConnection owner, IEnumerable<Passage> passages, string fingerprint = "")
    {
        try
        {
            IndexDatabase.Fill(owner, passages, fingerprint);
            return new LocalIndexSearch(owner);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }
}
