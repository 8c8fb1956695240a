using System.Runtime.CompilerServices;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>Trajectories in the server's SQLite file, without their tokens, which their journals hold.</summary>
internal sealed class SqliteTrajectoryStore(GatewayDatabase database, TimeProvider timeProvider) : ITrajectoryStore
{
    private const int RowsPerRead = 32;

    private const string Insert = """
        INSERT INTO trajectories (
            id, rollout_id, group_id, weight_version, status, reward, turns, tool_calls, tokens, sampled_tokens,
            queue_ms, prefill_ms, decode_ms, tokenize_ms, tool_ms, reward_ms, total_ms, json, record, sealed_at)
        VALUES (
            $id, $rollout_id, $group_id, $weight_version, $status, $reward, $turns, $tool_calls, $tokens, $sampled_tokens,
            $queue_ms, $prefill_ms, $decode_ms, $tokenize_ms, $tool_ms, $reward_ms, $total_ms, $json, $record, $sealed_at);
        INSERT INTO trajectory_summaries (
            ordinal, environment, task_id, sample_index, stop_reason, tool_errors, oldest_weights, newest_weights, text)
        VALUES (
            last_insert_rowid(), $environment, $task_id, $sample_index, $stop_reason, $tool_errors, $weight_version, $newest_weights, $text)
        """;

    public async ValueTask AppendAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        // Compressed here rather than by the writer, which everybody waits for.
        byte[] record = TrajectoryRecord.WithoutTokens(trajectory);
        DateTimeOffset now = timeProvider.GetUtcNow();
        try
        {
            await database.Writer.RunAsync(
                statements =>
                {
                    bool isJournaled = statements.Query("SELECT 1 FROM journal WHERE trajectory_id = $id LIMIT 1", _ => true, ("$id", trajectory.Id)) is not [];
                    // One that comes from elsewhere brings its journal with it, unless its masks left log-probabilities out. Of one that failed the
                    // journal may tell another course.
                    bool isWhole = trajectory.Failure is not null || (!isJournaled && trajectory.MaskPolicy != MaskPolicy.AllSampled);
                    if (!isJournaled && !isWhole)
                        SqliteJournal.Append(statements, trajectory.Id, now, JournalEvents.Of(trajectory));
                    return statements.Execute(Insert, ParametersOf(trajectory, isWhole ? null : record, now));
                },
                cancellationToken);
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode == SQLitePCL.raw.SQLITE_CONSTRAINT)
        {
            throw new InvalidOperationException($"Trajectory '{trajectory.Id}' is stored already.", exception);
        }
    }

    public ValueTask<Trajectory?> FindAsync(string trajectoryId, CancellationToken cancellationToken) => ValueTask.FromResult(Find(trajectoryId));

    public async IAsyncEnumerable<Trajectory> ReadAsync(string rolloutId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (StoredTrajectory stored in Read(rolloutId))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return stored.Trajectory;
        }
    }

    /// <summary>One trajectory, or null.</summary>
    public Trajectory? Find(string trajectoryId)
    {
        using SqliteConnection connection = database.Connect();
        using SqliteCommand command = new($"SELECT {StoredTrajectory.Columns} FROM trajectories WHERE id = $id", connection);
        command.Parameters.AddWithValue("$id", trajectoryId);
        using SqliteDataReader reader = command.ExecuteReader();
        return reader.Read() ? StoredTrajectory.Read(connection, reader).Trajectory : null;
    }

    /// <summary>
    /// A rollout's trajectories behind a position, in the order in which they were sealed. Reads a few rows at a time, so that a slow reader neither
    /// holds the log nor memory.
    /// </summary>
    public IEnumerable<StoredTrajectory> Read(string rolloutId, long after = 0)
    {
        while (true)
        {
            List<StoredTrajectory> page = ReadPage(rolloutId, after);
            foreach (StoredTrajectory stored in page)
                yield return stored;
            if (page.Count < RowsPerRead)
                yield break;
            after = page[^1].Ordinal;
        }
    }

    /// <summary>Ids of a rollout's stored trajectories.</summary>
    public IReadOnlySet<string> StoredIds(string rolloutId)
    {
        using SqliteConnection connection = database.Connect();
        using SqliteCommand command = new("SELECT id FROM trajectories WHERE rollout_id = $rollout_id", connection);
        command.Parameters.AddWithValue("$rollout_id", rolloutId);
        using SqliteDataReader reader = command.ExecuteReader();
        HashSet<string> ids = new(StringComparer.Ordinal);
        while (reader.Read())
            ids.Add(reader.GetString(0));
        return ids;
    }

    private static (string, object?)[] ParametersOf(Trajectory trajectory, byte[]? record, DateTimeOffset sealedAt)
    {
        TrajectoryTimings timings = trajectory.Timings;
        return
        [
            ("$id", trajectory.Id),
            ("$rollout_id", trajectory.RolloutId),
            ("$group_id", trajectory.GroupId),
            ("$weight_version", WeightVersions(trajectory).Min()),
            ("$newest_weights", WeightVersions(trajectory).Max()),
            ("$status", StatusText.Of(trajectory.Status)),
            ("$reward", trajectory.Reward),
            ("$turns", trajectory.Turns),
            ("$tool_calls", trajectory.ToolCalls.Count),
            ("$tokens", trajectory.Sequences.Sum(sequence => sequence.TokenIds.Length)),
            ("$sampled_tokens", trajectory.SampledTokens),
            ("$queue_ms", timings.QueueMs),
            ("$prefill_ms", timings.PrefillMs),
            ("$decode_ms", timings.DecodeMs),
            ("$tokenize_ms", timings.TokenizeMs),
            ("$tool_ms", timings.ToolMs),
            ("$reward_ms", timings.RewardMs),
            ("$total_ms", timings.TotalMs),
            ("$json", record is null ? TrajectoryJson.SerializeToUtf8(trajectory) : Array.Empty<byte>()),
            ("$record", record),
            ("$sealed_at", sealedAt.ToUnixTimeMilliseconds()),
            ("$environment", trajectory.Task.Environment),
            ("$task_id", trajectory.Task.Id),
            ("$sample_index", trajectory.SampleIndex),
            ("$stop_reason", StatusText.Of(trajectory.StopReason)),
            ("$tool_errors", trajectory.ToolCalls.Count(call => call.Parse != ToolCallStatus.Ok || call.Error is not null)),
            ("$text", SearchedText(trajectory)),
        ];
    }

    private static IEnumerable<long?> WeightVersions(Trajectory trajectory) =>
        trajectory.Sequences.SelectMany(sequence => sequence.Segments).Select(segment => segment.WeightVersion);

    /// <summary>What a search for text looks at: what was said, called and reported, one line each.</summary>
    private static string SearchedText(Trajectory trajectory) => string.Join('\n', [
        .. trajectory.Messages.Select(message => message.Content).OfType<string>(),
        .. trajectory.ToolCalls.Select(call => $"{call.Name ?? "?"} {call.Arguments?.GetRawText()}"),
        .. trajectory.Failure is { } failure ? [failure.Message] : Array.Empty<string>(),
    ]);

    private List<StoredTrajectory> ReadPage(string rolloutId, long after)
    {
        using SqliteConnection connection = database.Connect();
        using SqliteCommand command = new(
            $"SELECT {StoredTrajectory.Columns} FROM trajectories WHERE rollout_id = $rollout_id AND ordinal > $after ORDER BY ordinal LIMIT {RowsPerRead}",
            connection);
        command.Parameters.AddWithValue("$rollout_id", rolloutId);
        command.Parameters.AddWithValue("$after", after);
        using SqliteDataReader reader = command.ExecuteReader();
        List<StoredTrajectory> page = [];
        while (reader.Read())
            page.Add(StoredTrajectory.Read(connection, reader));
        return page;
    }
}

/// <summary>A stored trajectory and its place in the order of sealing.</summary>
internal readonly record struct StoredTrajectory(long Ordinal, Trajectory Trajectory)
{
    public const string Columns = "ordinal, id, json, record";

    public static StoredTrajectory Read(SqliteConnection connection, SqliteDataReader reader) => new(
        reader.GetInt64(0),
        reader.IsDBNull(3)
            ? TrajectoryJson.Deserialize(reader.GetFieldValue<byte[]>(2))
            : TrajectoryRecord.Join(
                reader.GetFieldValue<byte[]>(3), SqliteJournal.Read(connection, reader.GetString(1)).SelectMany(entry => entry.Events)));
}
