using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace AgentRollout.Gateway.Storage;

/// <summary>A SQLite file with a write-ahead log. One server owns it, by a lock file beside it.</summary>
internal sealed class SqliteDatabase : GatewayDatabase
{
    private readonly string _path;
    private readonly string _connectionString;
    private readonly FileStream? _ownership;

    private SqliteDatabase(string path, FileStream? ownership)
    {
        (_path, _ownership) = (path, ownership);
        SqliteOpenMode mode = ownership is null ? SqliteOpenMode.ReadWrite : SqliteOpenMode.ReadWriteCreate;
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30, Mode = mode }.ToString();
    }

    public override string Name => _path;

    public override string Like => "LIKE";

    public override bool RefusalsSpoilTransactions => false;

    /// <summary>Opens the file, or creates it.</summary>
    /// <exception cref="IOException">It cannot be opened, is in use by another server, or is of another schema version.</exception>
    public static SqliteDatabase OpenFile(string path, Durability durability)
    {
        SQLitePCL.Batteries_V2.Init();
        FileStream ownership = Own(path);
        SqliteDatabase database = new(path, ownership);
        try
        {
            using (DbConnection connection = database.Connect())
                Execute(connection, "PRAGMA journal_mode = WAL");
            database.Begin(durability);
            return database;
        }
        catch (Exception exception) when (exception is DbException or StorageException)
        {
            ownership.Dispose();
            throw database.ProblemOf(exception);
        }
        catch
        {
            ownership.Dispose();
            throw;
        }
    }

    /// <summary>A file that a server may own.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static SqliteDatabase ForReading(string path)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no database '{path}'.");
        SQLitePCL.Batteries_V2.Init();
        return new SqliteDatabase(path, ownership: null);
    }

    public override DbConnection Connect()
    {
        SqliteConnection connection = new(_connectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch (SqliteException exception)
        {
            connection.Dispose();
            throw ProblemOf(exception);
        }
    }

    public override DbConnection ConnectWriter()
    {
        DbConnection connection = Connect();
        // A commit is in the log, and so survives this process, before it is on disk.
        Execute(connection, "PRAGMA synchronous = NORMAL");
        // Copying the log into the database waits for the disk, and a page that was written often is copied once: every 32 MiB will do.
        Execute(connection, "PRAGMA wal_autocheckpoint = 8192");
        return connection;
    }

    public override void Flush()
    {
        using SafeFileHandle log = File.OpenHandle(_path + "-wal", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        RandomAccess.FlushToDisk(log);
    }

    public override bool IsRefusal(DbException exception) => exception is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT };

    public override bool IsDuplicate(DbException exception) => IsRefusal(exception);

    public override StorageException ProblemOf(Exception cause) => cause as StorageException ?? new StorageException(
        (cause as SqliteException)?.SqliteErrorCode switch
        {
            SQLitePCL.raw.SQLITE_FULL => $"Database '{_path}' cannot grow, because its disk is full; free some space there.",
            SQLitePCL.raw.SQLITE_READONLY => $"Database '{_path}' or its folder is read-only; let the server write there.",
            SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB =>
                $"Database '{_path}' is damaged ({cause.Message}); stop the server and restore a copy, or recover it with SQLite's command '.recover'.",
            null => $"Database '{_path}' cannot be flushed to disk: {cause.Message}",
            _ => $"Database '{_path}' does not work: {cause.Message}.",
        },
        cause);

    public override object ValueOf(object? value) => value ?? DBNull.Value;

    public override long? UsedBytes() => Query(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()", reader => reader.GetInt64(0))[0];

    public override string AdaptSchema(string sql) => sql;

    protected override async ValueTask CloseAsync()
    {
        using (SqliteConnection connection = new(_connectionString))
            SqliteConnection.ClearPool(connection);
        if (_ownership is not null)
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

    private static void Execute(DbConnection connection, string sql)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
