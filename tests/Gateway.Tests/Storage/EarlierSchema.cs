using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Tests.Storage;

/// <summary>Makes a database what an earlier version of the program would have left.</summary>
internal static class EarlierSchema
{
    /// <summary>The second version kept a trajectory as one JSON text, and nothing of those in play.</summary>
    public static async Task ToVersion2Async(GatewayDatabase database)
    {
        DatabaseTrajectoryStore store = new(database, TimeProvider.System);
        List<string> ids = await database.Writer.RunAsync(
            statements => statements.Query("SELECT id FROM trajectories", reader => reader.GetString(0)), CancellationToken.None);
        foreach (string id in ids)
        {
            await database.Writer.ExecuteAsync(
                "UPDATE trajectories SET json = @json WHERE id = @id",
                CancellationToken.None,
                ("@json", TrajectoryJson.SerializeToUtf8(store.Find(id)!)),
                ("@id", id));
        }

        await database.Writer.RunAsync(
            statements => statements.Execute("""
                ALTER TABLE trajectories DROP COLUMN record;
                ALTER TABLE trajectories DROP COLUMN sealed_at;
                DROP TABLE journal;
                DROP TABLE trajectory_summaries;
                UPDATE schema_version SET version = 2;
                """),
            CancellationToken.None);
    }

    /// <summary>The fourth version kept a journal's entries under their trajectory and their number.</summary>
    public static Task ToVersion4Async(GatewayDatabase database) => database.Writer.RunAsync(
        statements => statements.Execute(database.AdaptSchema("""
            CREATE TABLE numbered (
                trajectory_id TEXT NOT NULL, entry INTEGER NOT NULL, at INTEGER NOT NULL, events BLOB NOT NULL, PRIMARY KEY (trajectory_id, entry)
            ) WITHOUT ROWID;
            INSERT INTO numbered SELECT trajectory_id, row_number() OVER (PARTITION BY trajectory_id ORDER BY ordinal), at, events FROM journal;
            DROP TABLE journal;
            ALTER TABLE numbered RENAME TO journal;
            UPDATE schema_version SET version = 4;
            """)),
        CancellationToken.None);
}
