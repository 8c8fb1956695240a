using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>The SQLite file of one server: schema, exclusive ownership, connections, and the single writer.</summary>
internal sealed class GatewayDatabase : IAsyncDisposable
{
    private readonly string _connectionString;
    private readonly FileStream _ownership;

    private GatewayDatabase(string path, FileStream ownership, Durability durability)
    {
        _ownership = ownership;
        Path = path;
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 }.ToString();
        Writer = new DatabaseWriter(Connect(), durability);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Does all writing.</summary>
    public DatabaseWriter Writer { get; }

    /// <summary>Opens the file, or creates it with its schema.</summary>
    /// <param name="path">The file.</param>
    /// <param name="durability">What the steps of trajectories in play survive.</param>
    /// <exception cref="IOException">The file cannot be opened, is in use by another server, or is of another schema version.</exception>
    public static GatewayDatabase Open(string path, Durability durability = Durability.Normal)
    {
        SQLitePCL.Batteries_V2.Init();
        FileStream ownership = Own(path);
        try
        {
            GatewayDatabase database = new(path, ownership, durability);
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
        GatewaySchema.Migrate(transaction, path);
        transaction.Commit();
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = new(sql, connection);
        command.ExecuteNonQuery();
    }
}
