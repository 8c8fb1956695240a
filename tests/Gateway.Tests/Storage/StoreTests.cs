using System.Data.Common;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Delivery;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Gateway.Tests.Storage;

public sealed class SqliteStoreTests() : StoreTests(TestDatabase.Sqlite)
{
    [Fact]
    public async Task A_database_of_the_first_schema_gets_what_later_ones_have_and_keeps_what_it_holds()
    {
        Trajectory trajectory = TestTrajectory.Create("r", 12);
        await Trajectories.AppendAsync(trajectory, Cancellation);
        await EarlierSchema.ToVersion2Async(Database);
        await Database.Writer.RunAsync(
            statements => statements.Execute("""
                DROP INDEX rollouts_by_key;
                ALTER TABLE rollouts DROP COLUMN request_key;
                DROP INDEX trajectories_by_group;
                DROP INDEX open_trajectories;
                ALTER TABLE trajectories DROP COLUMN group_id;
                ALTER TABLE trajectories DROP COLUMN weight_version;
                ALTER TABLE trajectories DROP COLUMN lease_id;
                ALTER TABLE trajectories DROP COLUMN delivery;
                DROP TABLE leases;
                UPDATE schema_version SET version = 1;
                """),
            Cancellation);

        await ReopenAsync();

        Assert.Equal(TrajectoryJson.Serialize(trajectory), TrajectoryJson.Serialize((await Trajectories.FindAsync(trajectory.Id, Cancellation))!));
        Assert.Equal(trajectory.GroupId, Assert.Single(await Database.Writer.RunAsync(
            statements => statements.Query("SELECT group_id FROM trajectories", reader => reader.GetString(0)), Cancellation)));
        Assert.Equal(1, new LeaseStore(Database).Count("r", DateTimeOffset.UnixEpoch).Available);
    }
}

public sealed class PostgresStoreTests() : StoreTests(TestDatabase.Postgres)
{
    [Fact]
    public async Task Writes_wait_for_nobody_while_the_database_is_away_and_go_on_when_it_is_back()
    {
        await Trajectories.AppendAsync(TestTrajectory.Create("r", 0), Cancellation);
        await TakeAwayAsync();

        await Assert.ThrowsAsync<StorageException>(async () => await Trajectories.AppendAsync(TestTrajectory.Create("r", 1), Cancellation));
        Assert.Throws<StorageException>(() => Rollouts.Find("r"));
        await GiveBackAsync();

        await Trajectories.AppendAsync(TestTrajectory.Create("r", 2), Cancellation);
        Assert.Equal(["r-0-0", "r-0-2"], Trajectories.StoredIds("r").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Texts_that_the_database_cannot_keep_are_kept_as_near_as_it_can()
    {
        Trajectory trajectory = TestTrajectory.Create("r", 0) with { Messages = [ChatMessage.User("a\0b\ud800c")] };
        await Trajectories.AppendAsync(trajectory, Cancellation);

        Assert.Equal("a\0b\ud800c".Replace('\ud800', '\ufffd'), (await Trajectories.FindAsync(trajectory.Id, Cancellation))!.Messages[0].Content);
        Assert.Single(new TrajectoryIndex(Database).List(new TrajectoryFilter { Text = "b" }, 10, before: null).Trajectories);
    }

    [Theory]
    [InlineData("postgres://a:secret@127.0.0.1:1/x", "Database 'postgres://127.0.0.1:1/x' does not answer")]
    [InlineData("postgres://a:secret@127.0.0.1:99999999/x", "The setting 'database' is no address of a PostgreSQL database")]
    [InlineData("Host=127.0.0.1;Port=1;Password=secret;Database=x", "Database 'postgres://127.0.0.1:1/x' does not answer")]
    public void An_address_that_cannot_be_used_is_told_without_its_password(string address, string expected)
    {
        IOException exception = Assert.ThrowsAny<IOException>(() => GatewayDatabase.Open(address));

        Assert.StartsWith(expected, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", exception.ToString(), StringComparison.Ordinal);
    }
}

/// <summary>The stores, over each database.</summary>
public abstract class StoreTests(string kind) : IAsyncLifetime
{
    private TestDatabase _test = null!;
    private GatewayDatabase _database = null!;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected DatabaseTrajectoryStore Trajectories => new(_database, TimeProvider.System);

    private protected GatewayDatabase Database => _database;

    private protected RolloutStore Rollouts => new(_database);

    public async ValueTask InitializeAsync()
    {
        _test = await TestDatabase.CreateAsync(kind);
        _database = GatewayDatabase.Open(_test.Name);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_database is not null)
            await _database.DisposeAsync();
        if (_test is not null)
            await _test.DisposeAsync();
    }

    protected Task TakeAwayAsync() => _test.TakeAwayAsync();

    protected Task GiveBackAsync() => _test.GiveBackAsync();

    [Fact]
    public async Task A_stored_trajectory_comes_back_byte_for_byte_after_a_restart()
    {
        Trajectory trajectory = TestTrajectory.Create("r", 0);
        await Trajectories.AppendAsync(trajectory, Cancellation);
        await ReopenAsync();

        Trajectory? found = await Trajectories.FindAsync("r-0-0", Cancellation);

        Assert.Equal(TrajectoryJson.Serialize(trajectory), TrajectoryJson.Serialize(found!));
        Assert.Null(await Trajectories.FindAsync("r-0-1", Cancellation));
    }

    [Fact]
    public async Task A_second_trajectory_of_the_same_id_is_refused_and_does_not_harm_its_neighbours()
    {
        await Trajectories.AppendAsync(TestTrajectory.Create("r", 0), Cancellation);

        Task[] appends = [.. Enumerable.Range(0, 50).Select(index => Trajectories.AppendAsync(TestTrajectory.Create("r", index), Cancellation).AsTask())];

        await Assert.ThrowsAsync<InvalidOperationException>(() => appends[0]);
        await Task.WhenAll(appends[1..]);
        Assert.Equal(50, Trajectories.StoredIds("r").Count);
    }

    [Fact]
    public async Task Trajectories_are_read_in_the_order_in_which_they_were_stored()
    {
        int[] order = [.. Enumerable.Range(0, 100)];
        new Random(1).Shuffle(order);
        foreach (int index in order)
            await Trajectories.AppendAsync(TestTrajectory.Create("r", index), Cancellation);
        await Trajectories.AppendAsync(TestTrajectory.Create("other", 0), Cancellation);

        List<Trajectory> read = await Trajectories.ReadAsync("r", Cancellation).ToListAsync(Cancellation);

        Assert.Equal(order, read.Select(trajectory => trajectory.SampleIndex));
    }

    [Fact]
    public async Task Totals_add_up_what_is_stored()
    {
        await Trajectories.AppendAsync(TestTrajectory.Create("r", 0, reward: 1), Cancellation);
        await Trajectories.AppendAsync(TestTrajectory.Create("r", 1, reward: 0, StopReason.MaxTurns), Cancellation);
        await Trajectories.AppendAsync(TestTrajectory.Create("r", 2, reward: null, StopReason.Cancelled), Cancellation);

        RolloutTotals totals = Rollouts.Totals("r");

        Assert.Equal((1, 1, 1, 0), (totals.Completed, totals.Truncated, totals.Aborted, totals.Failed));
        Assert.Equal(0.5, totals.MeanReward);
        Assert.Equal((9, 6, 3), (totals.Tokens, totals.SampledTokens, totals.Turns));
        Assert.Equal(21, totals.TotalMs);
        Assert.Null(Rollouts.Totals("none").MeanReward);
    }

    [Fact]
    public async Task A_terminal_state_is_final()
    {
        await Rollouts.TryAddAsync("r", null, [], DateTimeOffset.UnixEpoch, Cancellation);
        await Rollouts.EndAsync("r", RolloutState.Cancelled, null, DateTimeOffset.UnixEpoch.AddHours(1), Cancellation);
        await Rollouts.EndAsync("r", RolloutState.Completed, null, DateTimeOffset.UnixEpoch.AddHours(2), Cancellation);

        RolloutRow row = Rollouts.Find("r")!;

        Assert.Equal(RolloutState.Cancelled, row.State);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddHours(1), row.EndedAt);
    }

    [Fact]
    public async Task Unfinished_rollouts_are_found_after_a_restart_oldest_first()
    {
        foreach (string id in (string[])["b", "a", "ended"])
            await Rollouts.TryAddAsync(id, null, "{}"u8.ToArray(), DateTimeOffset.UnixEpoch, Cancellation);
        await Rollouts.StartAsync("b", DateTimeOffset.UnixEpoch, Cancellation);
        await Rollouts.RequestCancelAsync("a", Cancellation);
        await Rollouts.EndAsync("ended", RolloutState.Failed, "why", DateTimeOffset.UnixEpoch, Cancellation);
        await ReopenAsync();

        IReadOnlyList<RolloutRow> unfinished = Rollouts.Unfinished();

        Assert.Equal([("b", RolloutState.Running, false), ("a", RolloutState.Queued, true)],
            unfinished.Select(row => (row.Id, row.State, row.CancelRequested)));
    }

    [Fact]
    public void Two_servers_cannot_share_a_database()
    {
        IOException exception = Assert.ThrowsAny<IOException>(() => GatewayDatabase.Open(_test.Name));

        Assert.Contains($"Database '{_database.Name}' is in use by another server", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statements_that_belong_together_are_undone_together_and_harm_no_others()
    {
        Task<int> neighbour = _database.Writer.ExecuteAsync("INSERT INTO leases VALUES ('a', 'r', 1, 1, NULL)", Cancellation);
        await Assert.ThrowsAnyAsync<DbException>(() => _database.Writer.RunAsync(
            statements =>
            {
                statements.Execute("INSERT INTO leases VALUES ('b', 'r', 1, 1, NULL)");
                return statements.Execute("INSERT INTO leases VALUES ('b', 'r', 1, 1, NULL)");
            },
            Cancellation));
        await neighbour;
        Assert.Equal(["a"], await _database.Writer.RunAsync(statements => statements.Query("SELECT id FROM leases", reader => reader.GetString(0)), Cancellation));
    }

    [Fact]
    public async Task Journals_of_the_fourth_schema_keep_their_entries_in_order_and_go_on()
    {
        DatabaseJournal journal = new(Database, TimeProvider.System);
        for (int turn = 1; turn <= 12; turn++)
        {
            foreach (string id in (string[])["r-0-1", "r-0-0"])
                await journal.AppendAsync(id, [TurnOf(id, turn)]);
        }

        await EarlierSchema.ToVersion4Async(Database);
        await ReopenAsync();
        journal = new DatabaseJournal(Database, TimeProvider.System);
        await journal.AppendAsync("r-0-0", [TurnOf("r-0-0", 13)]);

        Assert.Equal(Enumerable.Range(1, 13).Select(turn => $"r-0-0/{turn}"), await TurnsAsync("r-0-0"));
        Assert.Equal(Enumerable.Range(1, 12).Select(turn => $"r-0-1/{turn}"), await TurnsAsync("r-0-1"));

        CallsRequested TurnOf(string id, int turn) => new([$"{id}/{turn}"]);

        async Task<IEnumerable<string>> TurnsAsync(string id) =>
            (await journal.ReadAsync(id, Cancellation)).SelectMany(entry => entry.Events).Cast<CallsRequested>().SelectMany(calls => calls.CallIds);
    }

    [Fact]
    public async Task A_database_of_another_schema_version_is_refused()
    {
        string name = _database.Name;
        int known = (await SetVersionAsync(99)).Single();
        await _database.DisposeAsync();

        IOException exception = Assert.Throws<IOException>(() => GatewayDatabase.Open(_test.Name));

        Assert.Equal($"Database '{name}' has schema version 99; this program reads versions 1 to {known}.", exception.Message);
    }

    /// <summary>Returns the version before.</summary>
    private Task<List<int>> SetVersionAsync(int version) => _database.Writer.RunAsync(
        statements =>
        {
            List<int> before = statements.Query("SELECT version FROM schema_version", reader => reader.GetInt32(0));
            statements.Execute("UPDATE schema_version SET version = @version", ("@version", version));
            return before;
        },
        Cancellation);

    protected async Task ReopenAsync()
    {
        await _database.DisposeAsync();
        _database = GatewayDatabase.Open(_test.Name);
    }
}
