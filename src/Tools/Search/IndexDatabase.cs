using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>Opens and fills the database behind <see cref="LocalIndexSearch"/>.</summary>
internal static class IndexDatabase
{
    private const string Schema =
        """
        DROP TABLE IF EXISTS passages;
        DROP TABLE IF EXISTS corpus;
        CREATE VIRTUAL TABLE passages USING fts5(id UNINDEXED, title, text, tokenize = 'porter unicode61 remove_diacritics 2');
        CREATE TABLE corpus(fingerprint TEXT NOT NULL);
        """;

    static IndexDatabase() => SQLitePCL.Batteries_V2.Init();

    /// <summary>A new database in memory. SQLite's memdb lets connections share it without the locks of a shared cache.</summary>
    public static SqliteConnection InMemory() => Open($"file:/agentrollout-{Guid.NewGuid():N}?vfs=memdb");

    public static SqliteConnection InFile(string path) => Open(Path.GetFullPath(path));

    /// <summary>Makes the index in one transaction, unless it already holds a corpus of this fingerprint; an empty one never matches.</summary>
    public static void Fill(SqliteConnection connection, IEnumerable<Passage> passages, string fingerprint)
    {
        if (fingerprint.Length > 0 && StoredFingerprint(connection) == fingerprint)
            return;
        using SqliteTransaction transaction = connection.BeginTransaction();
        Execute(connection, Schema);
        InsertAll(connection, passages);
        Execute(connection, "INSERT INTO corpus VALUES ($fingerprint)", ("$fingerprint", fingerprint));
        transaction.Commit();
    }

    private static void InsertAll(SqliteConnection connection, IEnumerable<Passage> passages)
    {
        using SqliteCommand insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO passages(id, title, text) VALUES ($id, $title, $text)";
        SqliteParameter id = insert.Parameters.Add("$id", SqliteType.Text);
        SqliteParameter title = insert.Parameters.Add("$title", SqliteType.Text);
        SqliteParameter text = insert.Parameters.Add("$text", SqliteType.Text);
        foreach (Passage passage in passages)
        {
            (id.Value, title.Value, text.Value) = (passage.Id, passage.Title, passage.Text);
            insert.ExecuteNonQuery();
        }
    }

    private static string? StoredFingerprint(SqliteConnection connection)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = 'corpus'";
        if ((long)command.ExecuteScalar()! == 0)
            return null;
        command.CommandText = "SELECT fingerprint FROM corpus";
        return command.ExecuteScalar() as string;
    }

    private static SqliteConnection Open(string dataSource)
    {
        // Pooling would keep closed connections, and with them the memory of a disposed index.
        var builder = new SqliteConnectionStringBuilder { DataSource = dataSource, Pooling = false };
        var connection = new SqliteConnection(builder.ConnectionString);
        connection.Open();
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, string Value)> parameters)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        foreach ((string name, string value) in parameters)
            command.Parameters.AddWithValue(name, value);
        command.ExecuteNonQuery();
    }
}
