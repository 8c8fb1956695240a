using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>
/// The one writer of the database. Writes that arrive together are committed together: each is durable when its task completes, and one
/// flush to disk serves them all.
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
    public Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters) =>
        RunAsync(statements => statements.Execute(sql, parameters), cancellationToken);

    /// <summary>Runs statements that belong together, all or none, and waits until they are durable.</summary>
    /// <returns>What <paramref name="work"/> returns.</returns>
    /// <exception cref="SqliteException">A statement failed; others of the same commit are not affected.</exception>
    public async Task<T> RunAsync<T>(Func<Statements, T> work, CancellationToken cancellationToken)
    {
        Write write = new(statements => work(statements));
        await _writes.Writer.WriteAsync(write, cancellationToken);
        return (T)(await write.Done.Task)!;
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
                    write.Run(transaction);
                transaction.Commit();
            }

            batch.ForEach(write => write.Complete());
        }
        catch (SqliteException exception)
        {
            batch.ForEach(write => write.Done.TrySetException(exception));
        }
    }

    private sealed class Write(Func<Statements, object?> work)
    {
        private const string Savepoint = "write";

        private object? _result;
        private Exception? _failure;

        public TaskCompletionSource<object?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>What breaks a constraint, or is refused by its own code, is undone alone; the transaction around it goes on.</summary>
        public void Run(SqliteTransaction transaction)
        {
            transaction.Save(Savepoint);
            try
            {
                _result = work(new Statements(transaction));
            }
            catch (Exception exception) when (exception is not SqliteException { SqliteErrorCode: not SQLitePCL.raw.SQLITE_CONSTRAINT })
            {
                _failure = exception;
                transaction.Rollback(Savepoint);
            }

            transaction.Release(Savepoint);
        }

        public void Complete()
        {
            if (_failure is null)
                Done.TrySetResult(_result);
            else
                Done.TrySetException(_failure);
        }
    }
}
