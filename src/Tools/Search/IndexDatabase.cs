using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>Opens and fills the database behind <see cref="LocalIndexSearch"/>.</summary>
internal static class IndexDatabase
{
    /// <summary>Corpora below it are searched for every word: nothing in them costs much.</summary>
    public const int SmallCorpus = 10_000;

    /// <summary>How FTS5 cuts and stems texts and queries.</summary>
    public const string Tokenizer = "tokenize = 'porter unicode61 remove_diacritics 2'";

    /// <summary>Words in fewer passages than this share are never ignored, so that the index need not list them.</summary>
    private const double LeastListedShare = 0.001;

    /// <summary>Changes with the schema.</summary>
    private const long SchemaVersion = 2;

    private const string Schema =
        $"""
        DROP TABLE IF EXISTS passages;
        DROP TABLE IF EXISTS corpus;
        DROP TABLE IF EXISTS frequent;
        CREATE VIRTUAL TABLE passages USING fts5(id UNINDEXED, title, text, {Tokenizer});
        CREATE TABLE corpus(fingerprint TEXT NOT NULL, passages INTEGER NOT NULL);
        CREATE TABLE frequent(term TEXT PRIMARY KEY, passages INTEGER NOT NULL) WITHOUT ROWID;
        """;

    /// <summary>Larger segments are written at once, and merged into one at the end: half the time of FTS5's defaults.</summary>
    private const string BulkLoad =
        """
        INSERT INTO passages(passages, rank) VALUES('hashsize', 67108864);
        INSERT INTO passages(passages, rank) VALUES('automerge', 0);
        """;

    private const string AfterLoad =
        """
        INSERT INTO passages(passages) VALUES('optimize');
        CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, passages, row);
        INSERT INTO frequent SELECT term, doc FROM temp.vocabulary WHERE doc >= $least;
        DROP TABLE temp.vocabulary;
        """;

    static IndexDatabase() => SQLitePCL.Batteries_V2.Init();

    /// <summary>A new database in memory. SQLite's memdb lets connections share it without the locks of a shared cache.</summary>
    public static SqliteConnection InMemory() => Open($"file:/agentrollout-{Guid.NewGuid():N}?vfs=memdb", SqliteOpenMode.ReadWriteCreate);

    /// <summary>Opens a finished index, which nobody changes.</summary>
    /// <exception cref="ToolException">The file is no index of this version.</exception>
    public static SqliteConnection ReadOnly(string path)
    {
        SqliteConnection connection = Open(Path.GetFullPath(path), SqliteOpenMode.ReadOnly);
        try
        {
            if (Scalar(connection, "PRAGMA user_version") is SchemaVersion)
                return connection;
        }
        catch (SqliteException)
        {
            // No database; the sentence below says so.
        }

        connection.Dispose();
        throw new ToolException($"'{path}' is no search index of this version; 'agentrollout index' makes one.");
    }

    /// <summary>Whether a file is an index of the corpus with this fingerprint.</summary>
    public static bool IsIndexOf(string path, string fingerprint)
    {
        if (!File.Exists(path))
            return false;
        try
        {
            using SqliteConnection connection = ReadOnly(path);
            return Scalar(connection, "SELECT fingerprint FROM corpus") as string == fingerprint;
        }
        catch (ToolException)
        {
            return false;
        }
    }

    /// <summary>Makes an index file. It takes the place of an older one only when it is whole.</summary>
    /// <param name="path">The file.</param>
    /// <param name="passages">What is indexed.</param>
    /// <param name="fingerprint">What the corpus is known by.</param>
    /// <param name="progress">Is told the number of passages read, now and then.</param>
    /// <param name="cancellationToken">Ends the work; nothing is left then.</param>
    public static void Build(string path, IEnumerable<Passage> passages, string fingerprint, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        string unfinished = path + ".unfinished";
        File.Delete(unfinished);
        try
        {
            using (SqliteConnection connection = Open(Path.GetFullPath(unfinished), SqliteOpenMode.ReadWriteCreate))
            {
                // A crash leaves an unfinished file, which nobody reads.
                Execute(connection, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536; PRAGMA page_size = 8192");
                Fill(connection, passages, fingerprint, progress, cancellationToken);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    /// <summary>Fills an empty database in one transaction.</summary>
    public static void Fill(
        SqliteConnection connection, IEnumerable<Passage> passages, string fingerprint, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        Execute(connection, Schema);
        Execute(connection, BulkLoad);
        long count = InsertAll(connection, passages, progress, cancellationToken);
        Execute(connection, AfterLoad, ("$least", count < SmallCorpus ? long.MaxValue : (long)(count * LeastListedShare)));
        Execute(connection, "INSERT INTO corpus VALUES ($fingerprint, $passages)", ("$fingerprint", fingerprint), ("$passages", count));
        Execute(connection, $"PRAGMA user_version = {SchemaVersion}");
        transaction.Commit();
    }

    public static object? Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    public static void Execute(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, object value) in parameters)
            command.Parameters.AddWithValue(name, value);
        command.ExecuteNonQuery();
    }

    private static long InsertAll(
        SqliteConnection connection, IEnumerable<Passage> passages, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        const int Every = 10_000;
        using SqliteCommand insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO passages(id, title, text) VALUES ($id, $title, $text)";
        SqliteParameter id = insert.Parameters.Add("$id", SqliteType.Text);
        SqliteParameter title = insert.Parameters.Add("$title", SqliteType.Text);
        SqliteParameter text = insert.Parameters.Add("$text", SqliteType.Text);
        long count = 0;
        foreach (Passage passage in passages)
        {
            (id.Value, title.Value, text.Value) = (passage.Id, passage.Title, passage.Text);
            insert.ExecuteNonQuery();
            if (++count % Every != 0)
                continue;
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(count);
        }

        progress?.Report(count);
        return count;
    }

    private static SqliteConnection Open(string dataSource, SqliteOpenMode mode)
    {
        // Pooling would keep closed connections, and with them the memory of a disposed index.
        var builder = new SqliteConnectionStringBuilder { DataSource = dataSource, Mode = mode, Pooling = false };
        var connection = new SqliteConnection(builder.ConnectionString);
        connection.Open();
        return connection;
    }
}
