using System.Data.Common;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace AgentRollout.Gateway.Storage;

/// <summary>A database of a PostgreSQL server. One of our servers owns it, by an advisory lock that its writer's connection holds.</summary>
internal sealed partial class PostgresDatabase : GatewayDatabase
{
    /// <summary>Any number will do that no other program takes.</summary>
    private const long OwnershipLock = 0x4147454E54524F4C;

    private const string DiskFull = "53100";
    private const string ReadOnly = "25006";

    /// <summary>In milliseconds: the lock of a server that was killed is freed once PostgreSQL sees that its connection has ended.</summary>
    private const int Patience = 5_000;

    private readonly NpgsqlDataSource _readers;
    private readonly NpgsqlDataSource _writer;

    private PostgresDatabase(NpgsqlConnectionStringBuilder address)
    {
        Name = NameOf(address);
        // Each statement is compiled once for a connection.
        (address.MaxAutoPrepare, address.AutoPrepareMinUsages, address.ApplicationName) = (64, 2, "agentrollout");
        _readers = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Options = "-c synchronous_commit=on" });
        // Commits do not wait for the disk; who needs that waits for Flush, which serves many.
        _writer = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Options = "-c synchronous_commit=off", Pooling = false });
    }

    public override string Name { get; }

    public override string Like => "ILIKE";

    public override bool RefusalsSpoilTransactions => true;

    /// <summary>Whether the setting names a PostgreSQL database: <c>postgres://USER:PASSWORD@HOST:PORT/DATABASE</c>, or Npgsql's <c>Host=…;Database=…</c>.</summary>
    public static bool IsAddress(string name) =>
        name.StartsWith("postgres://", StringComparison.Ordinal)
        || name.StartsWith("postgresql://", StringComparison.Ordinal)
        || name.StartsWith("host=", StringComparison.OrdinalIgnoreCase);

    /// <summary>The address without credentials.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public static new string NameOf(string address) => NameOf(Parse(address));

    /// <summary>Connects, and creates the schema where there is none.</summary>
    /// <exception cref="IOException">The address is wrong, the server does not answer, or the database is in use or of another schema version.</exception>
    public static PostgresDatabase Connect(string address, Durability durability)
    {
        PostgresDatabase database = new(Parse(address));
        try
        {
            database.Begin(durability);
            return database;
        }
        catch (Exception exception)
        {
            database._readers.Dispose();
            database._writer.Dispose();
            if (exception is NpgsqlException)
                throw new IOException($"Database '{database.Name}' cannot be opened: {exception.Message}", exception);
            throw;
        }
    }

    /// <summary>A database that a server may own.</summary>
    /// <exception cref="IOException">The address is wrong.</exception>
    public static PostgresDatabase ForReading(string address) => new(Parse(address));

    public override DbConnection Connect()
    {
        try
        {
            return _readers.OpenConnection();
        }
        catch (NpgsqlException exception)
        {
            throw ProblemOf(exception);
        }
    }

    public override DbConnection ConnectWriter()
    {
        NpgsqlConnection connection = _writer.OpenConnection();
        try
        {
            Own(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A commit that waits for the disk takes all earlier ones there with it.</summary>
    public override void Flush()
    {
        using DbConnection connection = Connect();
        using DbCommand command = connection.CreateCommand();
        // The number makes it a transaction that is written.
        command.CommandText = "SELECT txid_current()";
        command.ExecuteNonQuery();
    }

    /// <summary>Constraints, and values or names that cannot be.</summary>
    public override bool IsRefusal(DbException exception) => exception is PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '2', ..] };

    public override bool IsDuplicate(DbException exception) => exception is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    public override StorageException ProblemOf(Exception cause) => cause as StorageException ?? new StorageException(
        cause switch
        {
            PostgresException { SqlState: DiskFull } => $"Database '{Name}' cannot grow, because its disk is full; free some space there.",
            PostgresException { SqlState: ReadOnly } => $"Database '{Name}' is read-only; name one that can be written.",
            PostgresException other => $"Database '{Name}' refuses its work: {other.MessageText}.",
            _ => $"Database '{Name}' does not answer ({cause.Message}); start it again.",
        },
        cause);

    /// <summary>PostgreSQL keeps no text with a zero or half a surrogate pair in it.</summary>
    public override object ValueOf(object? value) => value switch
    {
        null => DBNull.Value,
        string text => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD'),
        _ => value,
    };

    /// <summary>Its files do not tell what of them holds something.</summary>
    public override long? UsedBytes() => null;

    /// <summary>Texts are compared by their bytes, as SQLite does.</summary>
    public override string AdaptSchema(string sql) => TypeWords().Replace(
        sql.Replace(" AUTOINCREMENT", "", StringComparison.Ordinal)
            .Replace("INTEGER PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", StringComparison.Ordinal)
            .Replace("WITHOUT ROWID", "", StringComparison.Ordinal),
        match => match.Value switch
        {
            "INTEGER" => "BIGINT",
            "REAL" => "DOUBLE PRECISION",
            "BLOB" => "BYTEA",
            _ => """TEXT COLLATE "C" """,
        });

    protected override async ValueTask CloseAsync()
    {
        await _readers.DisposeAsync();
        await _writer.DisposeAsync();
    }

    private static string NameOf(NpgsqlConnectionStringBuilder address) => $"postgres://{address.Host}:{address.Port}/{address.Database}";

    private static NpgsqlConnectionStringBuilder Parse(string address)
    {
        try
        {
            if (!address.Contains("://", StringComparison.Ordinal))
                return new NpgsqlConnectionStringBuilder(address);
            Uri uri = new(address);
            string[] user = uri.UserInfo.Split(':', 2);
            return new NpgsqlConnectionStringBuilder
            {
                Host = uri.Host,
                Port = uri.IsDefaultPort || uri.Port < 0 ? 5432 : uri.Port,
                Username = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : null,
                Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
                Database = uri.AbsolutePath.Length > 1 ? Uri.UnescapeDataString(uri.AbsolutePath[1..]) : null,
            };
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // The address may hold a password, so it is not repeated.
            throw new IOException("The setting 'database' is no address of a PostgreSQL database; it must be postgres://USER:PASSWORD@HOST:PORT/DATABASE.", exception);
        }
    }

    private void Own(NpgsqlConnection connection)
    {
        using NpgsqlCommand command = new($"SET lock_timeout = {Patience}; SELECT pg_advisory_lock({OwnershipLock}); RESET lock_timeout", connection);
        try
        {
            command.ExecuteNonQuery();
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new StorageException($"Database '{Name}' is in use by another server.", exception);
        }
    }

    [GeneratedRegex(@"\b(INTEGER|REAL|BLOB|TEXT)\b")]
    private static partial Regex TypeWords();
}
