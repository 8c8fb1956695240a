using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>The SQLite file of one server: schema, exclusive ownership, connections, and the single writer.</summary>
internal sealed class GatewayDatabase : IAsyncDisposable
{
    private const long SchemaVersion = 1;

    // Commits are durable (FULL) before they are acknowledged; the writer groups them, so one flush serves many.
    private const string Schema = """
        CREATE TABLE schema_version (version INTEGER NOT NULL);
        CREATE TABLE rollouts (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            request BLOB NOT NULL,
            created_at TEXT NOT NULL,
            started_at TEXT,
            ended_at TEXT,
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            error TEXT
        );
        CREATE INDEX rollouts_by_state ON rollouts (state, ordinal);
        CREATE TABLE trajectories (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            rollout_id TEXT NOT NULL,
            status TEXT NOT NULL,
            reward REAL,
            turns INTEGER NOT NULL,
            tool_calls INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            sampled_tokens INTEGER NOT NULL,
            queue_ms REAL NOT NULL,
            prefill_ms REAL NOT NULL,
            decode_ms REAL NOT NULL,
            tokenize_ms REAL NOT NULL,
            tool_ms REAL NOT NULL,
            reward_ms REAL NOT NULL,
            total_ms REAL NOT NULL,
            json BLOB NOT NULL
        );
        CREATE INDEX trajectories_by_rollout ON trajectories (rollout_id, ordinal);
        """;

    // Newer than version 1, whose programs do without it.
    private const string Additions = """
        CREATE TABLE IF NOT EXISTS registered_tools (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            request BLOB NOT NULL,
            created_at TEXT NOT NULL
        );
        """;

    private readonly string _connectionString;
    private readonly FileStream _ownership;

    private GatewayDatabase(string path, FileStream ownership)
    {
        _ownership = ownership;
        Path = path;
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 }.ToString();
        Writer = new DatabaseWriter(Connect());
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Does all writing.</summary>
    public DatabaseWriter Writer { get; }

    /// <summary>Opens the file, or creates it with its schema.</summary>
    /// <exception cref="IOException">The file cannot be opened, is in use by another server, or is of another schema version.</exception>
    public static GatewayDatabase Open(string path)
    {
        SQLitePCL.Batteries_V2.Init();
        FileStream ownership = Own(path);
        try
        {
            GatewayDatabase database = new(path, ownership);
            database.Prepare(path);
            return database;
        }
        catch (SqliteException exception)
        {
            ownership.Dispose();
            throw new IOException($"Database '{path}' cannot be opened: {exception.Message}", exception);
        }
        catch
        {
            ownership.Dispose();
            throw;
        }
    }

    /// <summary>A connection for reading; they are pooled.</summary>
    public SqliteConnection Connect()
    {
        SqliteConnection connection = new(_connectionString);
        connection.Open();
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        await Writer.DisposeAsync();
        using (SqliteConnection connection = new(_connectionString))
            SqliteConnection.ClearPool(connection);
        await _ownership.DisposeAsync();
    }

    private static FileStream Own(string path)
    {
        string lockPath = path + ".lock";
        try
        {
            return new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Database '{path}' is in use by another server or not writable: {exception.Message}", exception);
        }
    }

    private void Prepare(string path)
    {
        using SqliteConnection connection = Connect();
        Execute(connection, "PRAGMA journal_mode = WAL");
        using SqliteTransaction transaction = connection.BeginTransaction();
        using SqliteCommand tables = new("SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'", connection, transaction);
        if ((long)tables.ExecuteScalar()! == 0)
            Execute(connection, Schema + $"INSERT INTO schema_version VALUES ({SchemaVersion.ToString(CultureInfo.InvariantCulture)});", transaction);

        using SqliteCommand version = new("SELECT version FROM schema_version", connection, transaction);
        if (version.ExecuteScalar() is not SchemaVersion)
            throw new IOException($"Database '{path}' has schema version {version.ExecuteScalar()}; this program reads version {SchemaVersion}.");
        Execute(connection, Additions, transaction);
        transaction.Commit();
    }

    private static void Execute(SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        using SqliteCommand command = new(sql, connection, transaction);
        command.ExecuteNonQuery();
    }
}
