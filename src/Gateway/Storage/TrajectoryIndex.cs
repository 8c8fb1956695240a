using AgentRollout.Environments.Loop;
using AgentRollout.Gateway.Rollouts;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>Lists stored trajectories without reading them.</summary>
internal sealed class TrajectoryIndex(GatewayDatabase database)
{
    private const string Matching = """
        FROM trajectory_summaries AS s JOIN trajectories AS t ON t.ordinal = s.ordinal
        WHERE ($environment IS NULL OR s.environment = $environment)
            AND ($rollout IS NULL OR t.rollout_id = $rollout)
            AND ($group IS NULL OR t.ordinal IN (SELECT ordinal FROM trajectories WHERE group_id = $group))
            AND ($status IS NULL OR t.status = $status)
            AND ($stop_reason IS NULL OR s.stop_reason = $stop_reason)
            AND ($min_reward IS NULL OR t.reward >= $min_reward)
            AND ($max_reward IS NULL OR t.reward <= $max_reward)
            AND ($weights IS NULL OR $weights BETWEEN s.oldest_weights AND s.newest_weights)
            AND ($tool_errors IS NULL OR (s.tool_errors > 0) = $tool_errors)
            AND ($text IS NULL OR s.task_id LIKE $text ESCAPE '\' OR s.text LIKE $text ESCAPE '\')
        """;

    /// <summary>The newest trajectories first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="limit">Most of them.</param>
    /// <param name="before">Goes on behind this trajectory, the last one of the page before; null from the start.</param>
    public TrajectoryList List(TrajectoryFilter filter, int limit, string? before)
    {
        using SqliteConnection connection = database.Connect();
        using SqliteCommand page = new(
            $"""
            SELECT
                t.id, t.rollout_id, s.environment, s.task_id, s.sample_index, t.status, s.stop_reason, t.reward, t.turns, t.tool_calls,
                s.tool_errors, t.tokens, t.sampled_tokens, s.oldest_weights, s.newest_weights, t.total_ms
            {Matching} AND ($before IS NULL OR s.ordinal < (SELECT ordinal FROM trajectories WHERE id = $before))
            ORDER BY s.ordinal DESC LIMIT $limit
            """,
            connection);
        Bind(page, filter);
        page.Parameters.AddWithValue("$before", before ?? (object)DBNull.Value);
        page.Parameters.AddWithValue("$limit", limit);
        using SqliteDataReader reader = page.ExecuteReader();
        List<TrajectorySummary> rows = [];
        while (reader.Read())
            rows.Add(Read(reader));
        return new TrajectoryList(rows, rows.Count == limit ? rows[^1].Id : null, before is null ? Count(connection, filter) : null);
    }

    private static long Count(SqliteConnection connection, TrajectoryFilter filter)
    {
        using SqliteCommand count = new($"SELECT count(*) {Matching}", connection);
        Bind(count, filter);
        return (long)count.ExecuteScalar()!;
    }

    private static void Bind(SqliteCommand command, TrajectoryFilter filter)
    {
        Add("$environment", filter.Environment);
        Add("$rollout", filter.RolloutId);
        Add("$group", filter.GroupId);
        Add("$status", filter.Status is { } status ? StatusText.Of(status) : null);
        Add("$stop_reason", filter.StopReason is { } reason ? StatusText.Of(reason) : null);
        Add("$min_reward", filter.MinReward);
        Add("$max_reward", filter.MaxReward);
        Add("$weights", filter.WeightVersion);
        Add("$tool_errors", filter.HasToolErrors);
        Add("$text", filter.Text is { } text ? $"%{Escape(text)}%" : null);

        void Add(string name, object? value) => command.Parameters.AddWithValue(name, value ?? DBNull.Value);
    }

    private static string Escape(string text) => text
        .Replace(@"\", @"\\", StringComparison.Ordinal)
        .Replace("%", @"\%", StringComparison.Ordinal)
        .Replace("_", @"\_", StringComparison.Ordinal);

    private static TrajectorySummary Read(SqliteDataReader reader)
    {
        string id = reader.GetString(0);
        return new TrajectorySummary
        {
            Id = id,
            RolloutId = reader.GetString(1),
            GroupId = id[..id.LastIndexOf('-')],
            Environment = reader.GetString(2),
            TaskId = reader.GetString(3),
            SampleIndex = reader.GetInt32(4),
            Status = StatusText.Parse<TrajectoryStatus>(reader.GetString(5)),
            StopReason = StatusText.Parse<StopReason>(reader.GetString(6)),
            Reward = reader.IsDBNull(7) ? null : reader.GetDouble(7),
            Turns = reader.GetInt32(8),
            ToolCalls = reader.GetInt32(9),
            ToolErrors = reader.GetInt32(10),
            Tokens = reader.GetInt32(11),
            SampledTokens = reader.GetInt32(12),
            OldestWeights = reader.IsDBNull(13) ? null : reader.GetInt64(13),
            NewestWeights = reader.IsDBNull(14) ? null : reader.GetInt64(14),
            TotalMs = reader.GetDouble(15),
        };
    }
}
