using System.Data.Common;
using System.Globalization;

namespace AgentRollout.Gateway.Storage;

/// <summary>
/// The tables, and how a database of an earlier version of the program gets them. A version that was released is never changed. Written in the words of
/// SQLite's types, which <see cref="GatewayDatabase.AdaptSchema"/> changes for other databases.
/// </summary>
internal static class GatewaySchema
{
    // Commits are durable (FULL) before they are acknowledged; the writer groups them, so one flush serves many.
    private static readonly string[] Migrations =
    [
        """
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
        """,
        """
        -- What the client called its request, so that a repetition starts nothing.
        ALTER TABLE rollouts ADD COLUMN request_key TEXT;
        CREATE UNIQUE INDEX rollouts_by_key ON rollouts (request_key);
        ALTER TABLE trajectories ADD COLUMN group_id TEXT NOT NULL DEFAULT '';
        -- The oldest weights of its sampled tokens; null where nothing was sampled.
        ALTER TABLE trajectories ADD COLUMN weight_version INTEGER;
        ALTER TABLE trajectories ADD COLUMN lease_id TEXT;
        -- Null while it may be handed out, then 'acknowledged' or why nobody gets it.
        ALTER TABLE trajectories ADD COLUMN delivery TEXT;
        UPDATE trajectories SET group_id = rtrim(rtrim(id, '0123456789'), '-');
        CREATE INDEX trajectories_by_group ON trajectories (group_id);
        CREATE INDEX open_trajectories ON trajectories (rollout_id, ordinal) WHERE delivery IS NULL;
        CREATE TABLE leases (
            id TEXT PRIMARY KEY,
            rollout_id TEXT NOT NULL,
            -- Milliseconds since 1970; 0 once it was given back.
            expires_at INTEGER NOT NULL,
            trajectories INTEGER NOT NULL,
            acknowledged INTEGER
        );
        -- A file of version 1 may have it already.
        CREATE TABLE IF NOT EXISTS registered_tools (
            ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            request BLOB NOT NULL,
            created_at TEXT NOT NULL
        );
        """,
        """
        -- What lists of trajectories show and filter by, apart from their JSON: a column behind that would cost the reading of all of it.
        CREATE TABLE trajectory_summaries (
            ordinal INTEGER PRIMARY KEY,
            environment TEXT NOT NULL,
            task_id TEXT NOT NULL,
            sample_index INTEGER NOT NULL,
            stop_reason TEXT NOT NULL,
            tool_errors INTEGER NOT NULL,
            oldest_weights INTEGER,
            newest_weights INTEGER,
            text TEXT NOT NULL
        );
        """,
        """
        -- What happens to trajectories, in play and after (docs/journal.md).
        CREATE TABLE journal (
            trajectory_id TEXT NOT NULL,
            entry INTEGER NOT NULL,
            -- Milliseconds since 1970.
            at INTEGER NOT NULL,
            events BLOB NOT NULL,
            PRIMARY KEY (trajectory_id, entry)
        ) WITHOUT ROWID;
        ALTER TABLE trajectories ADD COLUMN sealed_at INTEGER;
        -- All but the tokens, which the journal has; null where json is the whole trajectory.
        ALTER TABLE trajectories ADD COLUMN record BLOB;
        """,
        """
        -- Entries behind one another in the order in which they were written, whosever they are: a commit then writes few pages.
        ALTER TABLE journal RENAME TO journal_by_entry;
        CREATE TABLE journal (
            ordinal INTEGER PRIMARY KEY,
            trajectory_id TEXT NOT NULL,
            -- Milliseconds since 1970.
            at INTEGER NOT NULL,
            events BLOB NOT NULL
        );
        INSERT INTO journal (trajectory_id, at, events) SELECT trajectory_id, at, events FROM journal_by_entry ORDER BY trajectory_id, entry;
        DROP TABLE journal_by_entry;
        CREATE INDEX journal_by_trajectory ON journal (trajectory_id);
        """,
    ];

    /// <summary>Fills the table of version 3 from what earlier versions stored, which only SQLite files have.</summary>
    private const string SummariesOfEarlierVersions = """
        WITH stored AS (SELECT ordinal, CAST(json AS TEXT) AS record FROM trajectories)
        INSERT INTO trajectory_summaries
        SELECT
            ordinal, record ->> '$.task.environment', record ->> '$.task.id', record ->> '$.sample_index', record ->> '$.stop_reason',
            (SELECT count(*) FROM json_each(record, '$.tool_calls') AS call
                WHERE call.value ->> '$.parse' <> 'ok' OR call.value ->> '$.error' IS NOT NULL),
            (SELECT min(segment.value ->> '$.weight_version') FROM json_each(record, '$.sequences') AS sequence, json_each(sequence.value, '$.segments') AS segment),
            (SELECT max(segment.value ->> '$.weight_version') FROM json_each(record, '$.sequences') AS sequence, json_each(sequence.value, '$.segments') AS segment),
            coalesce((SELECT group_concat(message.value ->> '$.content', char(10)) FROM json_each(record, '$.messages') AS message), '')
                || coalesce(char(10) || (
                    SELECT group_concat(coalesce(call.value ->> '$.name', '?') || ' ' || coalesce(call.value -> '$.arguments', ''), char(10))
                    FROM json_each(record, '$.tool_calls') AS call), '')
                || coalesce(char(10) || (record ->> '$.failure.message'), '')
        FROM stored;
        """;

    /// <summary>Makes sure that a database can be read as it is.</summary>
    /// <exception cref="IOException">It is of another version.</exception>
    public static void CheckNewest(GatewayDatabase database)
    {
        long found = database.Query("SELECT version FROM schema_version", reader => reader.GetInt64(0))[0];
        if (found != Migrations.Length)
            throw new IOException($"Database '{database.Name}' has schema version {found}, and only version {Migrations.Length} can be read; a server brings an earlier one to it at its start.");
    }

    /// <summary>Brings the database to the newest version.</summary>
    /// <exception cref="IOException">It is of a later version than this program knows.</exception>
    public static void Migrate(GatewayDatabase database, DbTransaction transaction)
    {
        Execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
        Execute("INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT * FROM schema_version)");
        long found = (long)Command("SELECT version FROM schema_version").ExecuteScalar()!;
        if (found > Migrations.Length)
            throw new IOException($"Database '{database.Name}' has schema version {found}; this program reads versions 1 to {Migrations.Length}.");
        for (int version = (int)found; version < Migrations.Length; version++)
        {
            Execute(Migrations[version]);
            if (version == 2 && found > 0)
                Command(SummariesOfEarlierVersions).ExecuteNonQuery();
        }

        Execute($"UPDATE schema_version SET version = {Migrations.Length.ToString(CultureInfo.InvariantCulture)}");

        void Execute(string sql) => Command(database.AdaptSchema(sql)).ExecuteNonQuery();

        DbCommand Command(string sql)
        {
            DbCommand command = transaction.Connection!.CreateCommand();
            (command.CommandText, command.Transaction) = (sql, transaction);
            return command;
        }
    }
}
