using AgentRollout.Environments.Journal;
using AgentRollout.Gateway.Rollouts;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Gateway.Storage;

/// <summary>Shows journals to people: what happened when, without the tokens.</summary>
internal sealed class JournalView(GatewayDatabase database)
{
    /// <summary>The journal of a trajectory in play or stored; null where there is none of that id.</summary>
    public JournalResponse? Find(string trajectoryId)
    {
        using SqliteConnection connection = database.Connect();
        List<JournalEntry> entries = SqliteJournal.Read(connection, trajectoryId);
        using SqliteCommand command = new(
            """
            SELECT r.created_at, t.sealed_at FROM rollouts AS r LEFT JOIN trajectories AS t ON t.id = $id
            WHERE r.id = coalesce(t.rollout_id, substr($id, 1, instr($id, '-') - 1))
            """,
            connection);
        command.Parameters.AddWithValue("$id", trajectoryId);
        using SqliteDataReader reader = command.ExecuteReader();
        bool isKnown = reader.Read();
        if (entries.Count == 0 && (!isKnown || reader.IsDBNull(1)))
            return null;

        List<JournalEventView> events = [.. entries.SelectMany(entry => entry.Events.Select(value => ViewOf(entry.At, value)))];
        if (isKnown)
        {
            events.Insert(0, new JournalEventView(RolloutStore.Time(reader, 0)!.Value, "accepted"));
            if (!reader.IsDBNull(1))
                InsertSealed(events, DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(1)));
        }

        return new JournalResponse(trajectoryId, events);
    }

    /// <summary>Sealing has a row of its own, behind what was played and before what trainers do.</summary>
    private static void InsertSealed(List<JournalEventView> events, DateTimeOffset at)
    {
        int end = events.FindIndex(value => value.Type is "leased" or "acknowledged");
        events.Insert(end < 0 ? events.Count : end, new JournalEventView(at, "sealed"));
    }

    private static JournalEventView ViewOf(DateTimeOffset at, JournalEvent value) => value switch
    {
        TrajectoryBegan => new(at, "started"),
        TrajectoryResumed => new(at, "resumed"),
        PromptRendered prompt => new(at, "prompt_rendered") { Tokens = prompt.TokenIds.Length },
        TurnSampled turn => new(at, "turn_sampled")
        {
            Turn = turn.Turn,
            Tokens = turn.TokenIds.Length,
            WeightVersions = [.. turn.Runs.Select(run => run.WeightVersion)],
        },
        CallsRequested calls => new(at, "calls_requested") { CallIds = calls.CallIds },
        CallAnswered call => new(at, "call_finished") { CallIds = [call.CallId], Failure = call.Result.Failure },
        MessagesAppended appended => new(at, appended.StartsSequence ? "sequence_started" : "messages_appended")
        {
            Tokens = appended.Spans.Sum(span => span.Tokens.Length),
            CallIds = appended.CallIds,
        },
        EpisodeRewarded rewarded => new(at, "rewarded") { Rewards = rewarded.Components },
        TrajectoryLeased leased => new(at, "leased") { LeaseId = leased.LeaseId },
        TrajectoryAcknowledged acknowledged => new(at, "acknowledged") { LeaseId = acknowledged.LeaseId },
        _ => throw new ArgumentException($"Events of type {value.GetType().Name} have no view.", nameof(value)),
    };
}
