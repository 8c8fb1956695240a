using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>The database cannot be written at present. Nothing of the write was kept; what was kept before is whole.</summary>
internal sealed class StorageException(string message, Exception cause) : IOException(message, cause)
{
    /// <summary>Says what is wrong and what to do about it.</summary>
    public static StorageException Of(string path, SqliteException cause) => new(
        cause.SqliteErrorCode switch
        {
            SQLitePCL.raw.SQLITE_FULL => $"Database '{path}' cannot grow, because its disk is full; free some space there.",
            SQLitePCL.raw.SQLITE_READONLY => $"Database '{path}' or its folder is read-only; let the server write there.",
            SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB =>
                $"Database '{path}' is damaged ({cause.Message}); stop the server and restore a copy, or recover it with SQLite's command '.recover'.",
            _ => $"Database '{path}' cannot be written: {cause.Message}.",
        },
        cause);
}
