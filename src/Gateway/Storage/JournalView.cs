using System.Data.Common;
using AgentRollout.Environments.Journal;
using AgentRollout.Gateway.Rollouts;

namespace AgentRollout.Gateway.Storage;

/// <summary>Shows journals to people: what happened when, without the tokens.</summary>
internal sealed class JournalView(GatewayDatabase database)
{
    /// <summary>The journal of a trajectory in play or stored; null where there is none of that id.</summary>
    public JournalResponse? Find(string trajectoryId)
    {
        using DbConnection connection = database.Connect();
        List<JournalEntry> entries = DatabaseJournal.Read(database, connection, trajectoryId);
        // A trajectory's id is its rollout's, a dash, and its place.
        string rolloutId = trajectoryId.Split('-')[0];
        List<(DateTimeOffset AcceptedAt, long? SealedAt)> known = database.Query(
            connection,
            "SELECT r.created_at, t.sealed_at FROM rollouts AS r LEFT JOIN trajectories AS t ON t.id = @id WHERE r.id = coalesce(t.rollout_id, @rollout)",
            reader => (RolloutStore.Time(reader, 0)!.Value, reader.IsDBNull(1) ? (long?)null : reader.GetInt64(1)),
            ("@id", trajectoryId), ("@rollout", rolloutId));
        if (entries.Count == 0 && known is not [{ SealedAt: not null }])
            return null;

        List<JournalEventView> events = [.. entries.SelectMany(entry => entry.Events.Select(value => ViewOf(entry.At, value)))];
        if (known is [var (acceptedAt, sealedAt)])
        {
            events.Insert(0, new JournalEventView(acceptedAt, "accepted"));
            if (sealedAt is { } at)
                InsertSealed(events, DateTimeOffset.FromUnixTimeMilliseconds(at));
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
        TrajectoryForked forked => new(at, "forked") { Parent = forked.Parent },
        TrajectoryResumed => new(at, "resumed"),
        MessagesReplaced => new(at, "messages_replaced"),
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
        TurnPrompted prompted => new(at, prompted.Call.Origin is null ? "messages_appended" : "sequence_started")
        {
            Turn = prompted.Call.Turn,
            Tokens = prompted.Spans.Sum(span => span.Tokens.Length),
            CallIds = prompted.Call.AnsweredCallIds is [] ? null : prompted.Call.AnsweredCallIds,
        },
        TurnAnswered answered => new(at, "turn_answered") { Turn = answered.Turn },
        EpisodeRewarded rewarded => new(at, "rewarded") { Rewards = rewarded.Components },
        TrajectoryLeased leased => new(at, "leased") { LeaseId = leased.LeaseId },
        TrajectoryAcknowledged acknowledged => new(at, "acknowledged") { LeaseId = acknowledged.LeaseId },
        _ => throw new ArgumentException($"Events of type {value.GetType().Name} have no view.", nameof(value)),
    };
}
