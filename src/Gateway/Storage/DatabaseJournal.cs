using System.Data.Common;
using AgentRollout.Environments.Journal;

namespace AgentRollout.Gateway.Storage;

/// <summary>The journal in the server's database: a row for events that were written together.</summary>
internal sealed class DatabaseJournal(GatewayDatabase database, TimeProvider timeProvider) : TrajectoryJournal
{
    private const string Insert = "INSERT INTO journal (trajectory_id, at, events) VALUES (@id, @at, @events)";

    public override async ValueTask AppendAsync(string trajectoryId, IReadOnlyList<JournalEvent> events)
    {
        try
        {
            await database.Writer.StepAsync(Insert, ParametersOf(trajectoryId, timeProvider.GetUtcNow(), JournalCodec.Encode(events)));
        }
        catch (StorageException exception)
        {
            throw new JournalException(exception.Message, exception);
        }
    }

    public override ValueTask<IReadOnlyList<JournalEntry>> ReadAsync(string trajectoryId, CancellationToken cancellationToken)
    {
        try
        {
            using DbConnection connection = database.Connect();
            return new(Read(database, connection, trajectoryId));
        }
        catch (StorageException exception)
        {
            throw new JournalException(exception.Message, exception);
        }
    }

    /// <summary>The trajectories of a rollout that have begun and are not stored.</summary>
    public IReadOnlySet<string> Begun(string rolloutId) => database
        // A trajectory's id is its rollout's, a dash, and its place; behind a dash comes a dot.
        .Query(
            """
            SELECT DISTINCT trajectory_id FROM journal
            WHERE trajectory_id > @first AND trajectory_id < @last AND trajectory_id NOT IN (SELECT id FROM trajectories WHERE rollout_id = @rollout)
            """,
            reader => reader.GetString(0),
            ("@first", rolloutId + "-"), ("@last", rolloutId + "."), ("@rollout", rolloutId))
        .ToHashSet(StringComparer.Ordinal);

    /// <summary>Writes events inside a transaction of the writer.</summary>
    public static void Append(Statements statements, string trajectoryId, DateTimeOffset at, IReadOnlyList<JournalEvent> events) =>
        Append(statements, trajectoryId, at, JournalCodec.Encode(events));

    /// <summary>Writes an encoded entry inside a transaction of the writer.</summary>
    public static void Append(Statements statements, string trajectoryId, DateTimeOffset at, byte[] entry) =>
        statements.Execute(Insert, ParametersOf(trajectoryId, at, entry));

    /// <summary>The entries of a trajectory.</summary>
    public static List<JournalEntry> Read(GatewayDatabase database, DbConnection connection, string trajectoryId) => database.Query(
        connection,
        "SELECT at, events FROM journal WHERE trajectory_id = @id ORDER BY ordinal",
        reader => new JournalEntry(DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(0)), JournalCodec.Decode(reader.GetFieldValue<byte[]>(1))),
        ("@id", trajectoryId));

    private static (string, object?)[] ParametersOf(string trajectoryId, DateTimeOffset at, byte[] events) =>
        [("@id", trajectoryId), ("@at", at.ToUnixTimeMilliseconds()), ("@events", events)];
}
