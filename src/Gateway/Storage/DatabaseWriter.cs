using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>
/// The one writer of the database. Statements that arrive together are committed together: each is durable when its task completes,
/// and one flush to disk serves them all.
/// </summary>
internal sealed class DatabaseWriter : IAsyncDisposable
{
    private const int MostPerCommit = 256;

    private readonly Channel<Write> _writes = Channel.CreateBounded<Write>(
        new BoundedChannelOptions(2 * MostPerCommit) { SingleReader = true });

    private readonly SqliteConnection _connection;
    private readonly Task _loop;

    public DatabaseWriter(SqliteConnection connection)
    {
        _connection = connection;
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Runs one statement and waits until it is durable.</summary>
    /// <returns>How many rows changed.</returns>
    /// <exception cref="SqliteException">The statement failed; others of the same commit are not affected.</exception>
    public async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        Write write = new(sql, parameters);
        await _writes.Writer.WriteAsync(write, cancellationToken);
        return await write.Done.Task;
    }

    /// <summary>Finishes what was handed over and closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        _writes.Writer.TryComplete();
        await _loop;
        await _connection.DisposeAsync();
    }

    private async Task RunAsync()
    {
        List<Write> batch = [];
        while (await _writes.Reader.WaitToReadAsync())
        {
            while (batch.Count < MostPerCommit && _writes.Reader.TryRead(out Write? write))
                batch.Add(write);
            Commit(batch);
            batch.Clear();
        }
    }

    private void Commit(List<Write> batch)
    {
        try
        {
            using (SqliteTransaction transaction = _connection.BeginTransaction())
            {
                foreach (Write write in batch)
                    write.Run(_connection, transaction);
                transaction.Commit();
            }

            batch.ForEach(write => write.Complete());
        }
        catch (SqliteException exception)
        {
            batch.ForEach(write => write.Done.TrySetException(exception));
        }
    }

    private sealed class Write(string sql, (string Name, object? Value)[] parameters)
    {
        private int _changed;
        private SqliteException? _failure;

        public TaskCompletionSource<int> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        // A statement that breaks a constraint is undone by SQLite alone; the transaction around it goes on.
        public void Run(SqliteConnection connection, SqliteTransaction transaction)
        {
            try
            {
                using SqliteCommand command = new(sql, connection, transaction);
                foreach ((string name, object? value) in parameters)
                    command.Parameters.AddWithValue(name, value ?? DBNull.Value);
                _changed = command.ExecuteNonQuery();
            }
            catch (SqliteException exception) when (exception.SqliteErrorCode == SQLitePCL.raw.SQLITE_CONSTRAINT)
            {
                _failure = exception;
            }
        }

        public void Complete()
        {
            if (_failure is null)
                Done.TrySetResult(_changed);
            else
                Done.TrySetException(_failure);
        }
    }
}
