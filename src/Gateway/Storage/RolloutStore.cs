using System.Data.Common;
using System.Globalization;
using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Storage;

/// <summary>The accepted rollouts and their states.</summary>
internal sealed class RolloutStore(GatewayDatabase database)
{
    private const string Columns = "id, state, request, created_at, started_at, ended_at, cancel_requested, error";

    private const string TotalsOf = """
        SELECT
            count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'truncated'),
            count(*) FILTER (WHERE status = 'aborted'), count(*) FILTER (WHERE status = 'failed'), avg(reward),
            CAST(sum(turns) AS BIGINT), CAST(sum(tool_calls) AS BIGINT), CAST(sum(tokens) AS BIGINT), CAST(sum(sampled_tokens) AS BIGINT),
            sum(queue_ms), sum(prefill_ms), sum(decode_ms), sum(tokenize_ms), sum(tool_ms), sum(reward_ms), sum(total_ms)
        FROM trajectories WHERE rollout_id = @id
        """;

    /// <summary>Stores a new rollout durably; false, and nothing is stored, where there is one of the same key.</summary>
    public Task<bool> TryAddAsync(string id, string? key, byte[] request, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        TryAddAsync(id, key, request, RolloutState.Queued, createdAt, startedAt: null, cancellationToken);

    /// <summary>The same for one that agents outside play, from its beginning on.</summary>
    public Task<bool> TryAddCapturingAsync(string id, string? key, byte[] request, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        TryAddAsync(id, key, request, RolloutState.Capturing, createdAt, createdAt, cancellationToken);

    private async Task<bool> TryAddAsync(
        string id, string? key, byte[] request, RolloutState state, DateTimeOffset createdAt, DateTimeOffset? startedAt, CancellationToken cancellationToken) =>
        await database.Writer.ExecuteAsync(
            """
            INSERT INTO rollouts (id, request_key, state, request, created_at, started_at) VALUES (@id, @key, @state, @request, @created_at, @started_at)
            ON CONFLICT (request_key) DO NOTHING
            """,
            cancellationToken,
            ("@id", id),
            ("@key", key),
            ("@state", StatusText.Of(state)),
            ("@request", request),
            ("@created_at", Text(createdAt)),
            ("@started_at", startedAt is { } at ? Text(at) : null)) > 0;

    /// <summary>
    /// Stores a rollout whose trajectories were played elsewhere, or what is known of it since more of them came. One that was played here stays as it is.
    /// </summary>
    public Task ImportAsync(string id, byte[] request, DateTimeOffset at, CancellationToken cancellationToken) =>
        database.Writer.ExecuteAsync(
            """
            INSERT INTO rollouts (id, state, request, created_at, ended_at) VALUES (@id, @state, @request, @at, @at)
            ON CONFLICT (id) DO UPDATE SET request = excluded.request WHERE rollouts.state = excluded.state
            """,
            cancellationToken,
            ("@id", id),
            ("@state", StatusText.Of(RolloutState.Imported)),
            ("@request", request),
            ("@at", Text(at)));

    /// <summary>The rollout of that key, or null.</summary>
    public RolloutRow? FindByKey(string key) =>
        Read($"SELECT {Columns} FROM rollouts WHERE request_key = @key", ("@key", key)) is [var row] ? row : null;

    /// <summary>A rollout begins to play. One that goes on after a restart keeps its first start.</summary>
    public Task StartAsync(string id, DateTimeOffset startedAt, CancellationToken cancellationToken) =>
        database.Writer.ExecuteAsync(
            "UPDATE rollouts SET state = @state, started_at = coalesce(started_at, @started_at) WHERE id = @id",
            cancellationToken,
            ("@id", id),
            ("@state", StatusText.Of(RolloutState.Running)),
            ("@started_at", Text(startedAt)));

    /// <summary>Remembers that a rollout is to be cancelled, also over a restart.</summary>
    public Task RequestCancelAsync(string id, CancellationToken cancellationToken) =>
        database.Writer.ExecuteAsync(
            "UPDATE rollouts SET cancel_requested = 1 WHERE id = @id AND ended_at IS NULL", cancellationToken, ("@id", id));

    /// <summary>A rollout reaches its terminal state; it has exactly one, so a second end changes nothing.</summary>
    public Task EndAsync(string id, RolloutState state, string? error, DateTimeOffset endedAt, CancellationToken cancellationToken) =>
        database.Writer.ExecuteAsync(
            "UPDATE rollouts SET state = @state, error = @error, ended_at = @ended_at WHERE id = @id AND ended_at IS NULL",
            cancellationToken,
            ("@id", id),
            ("@state", StatusText.Of(state)),
            ("@error", error),
            ("@ended_at", Text(endedAt)));

    /// <summary>The rollout of that id, or null.</summary>
    public RolloutRow? Find(string id) => Read($"SELECT {Columns} FROM rollouts WHERE id = @id", ("@id", id)) is [var row] ? row : null;

    /// <summary>The newest rollouts first; <paramref name="before"/> goes on behind the last one of the page before.</summary>
    public IReadOnlyList<RolloutRow> List(int limit, string? before) => before is null
        ? Read($"SELECT {Columns} FROM rollouts ORDER BY ordinal DESC LIMIT @limit", ("@limit", limit))
        : Read(
            $"SELECT {Columns} FROM rollouts WHERE ordinal < (SELECT ordinal FROM rollouts WHERE id = @before) ORDER BY ordinal DESC LIMIT @limit",
            ("@before", before),
            ("@limit", limit));

    /// <summary>What a server that starts must go on with, oldest first.</summary>
    public IReadOnlyList<RolloutRow> Unfinished() => Read(
        $"SELECT {Columns} FROM rollouts WHERE state IN (@queued, @running) ORDER BY ordinal",
        ("@queued", StatusText.Of(RolloutState.Queued)),
        ("@running", StatusText.Of(RolloutState.Running)));

    /// <summary>The rollouts that agents outside play.</summary>
    public IReadOnlyList<RolloutRow> Capturing() => Read(
        $"SELECT {Columns} FROM rollouts WHERE state = @state ORDER BY ordinal", ("@state", StatusText.Of(RolloutState.Capturing)));

    /// <summary>Sums over the rollout's stored trajectories.</summary>
    public RolloutTotals Totals(string id) => database.Query(TotalsOf, ReadTotals, ("@id", id))[0];

    private static RolloutTotals ReadTotals(DbDataReader reader) => new()
    {
        Completed = (int)Count(reader, 0),
        Truncated = (int)Count(reader, 1),
        Aborted = (int)Count(reader, 2),
        Failed = (int)Count(reader, 3),
        MeanReward = reader.IsDBNull(4) ? null : reader.GetDouble(4),
        Turns = Count(reader, 5),
        ToolCalls = Count(reader, 6),
        Tokens = Count(reader, 7),
        SampledTokens = Count(reader, 8),
        QueueMs = Sum(reader, 9),
        PrefillMs = Sum(reader, 10),
        DecodeMs = Sum(reader, 11),
        TokenizeMs = Sum(reader, 12),
        ToolMs = Sum(reader, 13),
        RewardMs = Sum(reader, 14),
        TotalMs = Sum(reader, 15),
    };

    private List<RolloutRow> Read(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters) => database.Query(
        sql,
        reader => new RolloutRow(
            reader.GetString(0),
            StatusText.Parse<RolloutState>(reader.GetString(1)),
            reader.GetFieldValue<byte[]>(2),
            Time(reader, 3)!.Value,
            Time(reader, 4),
            Time(reader, 5),
            reader.GetInt64(6) != 0,
            reader.IsDBNull(7) ? null : reader.GetString(7)),
        parameters);

    private static long Count(DbDataReader reader, int column) => reader.IsDBNull(column) ? 0 : reader.GetInt64(column);

    private static double Sum(DbDataReader reader, int column) => reader.IsDBNull(column) ? 0 : reader.GetDouble(column);

    private static string Text(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>A time as it is stored, or null.</summary>
    public static DateTimeOffset? Time(DbDataReader reader, int column) => reader.IsDBNull(column)
        ? null
        : DateTimeOffset.Parse(reader.GetString(column), CultureInfo.InvariantCulture);
}
