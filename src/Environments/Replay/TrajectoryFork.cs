using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Replay;

/// <summary>
/// The beginning of a fork: the events of its parent up to a turn, with one of them edited. Whoever plays them goes on as behind a crash
/// (docs/journal.md): they stand in for engine and tools, and the environment is stepped again.
/// </summary>
public static class TrajectoryFork
{
    /// <summary>Whether a policy can go on from what stands in a trajectory.</summary>
    /// <param name="parent">The trajectory.</param>
    /// <param name="policy">What would go on.</param>
    /// <param name="needsModel">Whether a model of another name is refused too, because the record of a trajectory names only one.</param>
    /// <exception cref="ForkException">It cannot.</exception>
    public static void CheckModel(Trajectory parent, Policy policy, bool needsModel)
    {
        TrajectoryModel model = parent.Model;
        if (model.TokenizerHash != policy.Format.Tokenizer.Hash || model.TemplateHash != policy.Format.Template.Hash)
        {
            string part = model.TokenizerHash == policy.Format.Tokenizer.Hash ? "chat template" : "tokenizer";
            throw new ForkException(
                $"Trajectory '{parent.Id}' of model '{model.Name}' has another {part} than model '{policy.Name}', which is here; only its own can go on from its tokens.",
                ForkProblem.OtherTokenizer);
        }

        if (needsModel && model.Name != policy.Name)
        {
            throw new ForkException(
                $"Trajectory '{parent.Id}' was sampled by model '{model.Name}', and '{policy.Name}' is here; a trajectory has one model.", ForkProblem.OtherModel);
        }
    }

    /// <summary>Whether a trajectory has a turn.</summary>
    /// <exception cref="ForkException">It has not.</exception>
    public static void CheckTurn(Trajectory parent, int turn)
    {
        if (parent.Turns == 0)
            throw new ForkException($"Trajectory '{parent.Id}' has no turn.");
        if (turn < 1 || turn > parent.Turns)
            throw new ForkException($"Turn {turn} is none of trajectory '{parent.Id}', which has the turns 1 to {parent.Turns}.");
    }

    /// <summary>What a trajectory tells of its journal, where the journal itself is not at hand.</summary>
    /// <exception cref="ForkException">Its record is damaged, or lacks log-probabilities.</exception>
    public static IReadOnlyList<JournalEvent> EventsOf(Trajectory parent)
    {
        if (TrajectoryAuditor.FindStructureProblem(parent) is { } problem)
            throw new ForkException($"Trajectory '{parent.Id}' is damaged: {problem}");
        bool lacksLogprobs = !parent.Audit.Lacks(TrajectoryAudit.Raw) && parent.Sequences.Any(sequence => sequence.Segments
            .Where(segment => segment.Source == SegmentSource.Sampled)
            .Any(segment => sequence.Logprobs.AsSpan(segment.Start, segment.End - segment.Start).Contains(null)));
        return lacksLogprobs
            ? throw new ForkException($"Trajectory '{parent.Id}' lacks log-probabilities of sampled tokens, because its mask policy leaves tokens out; only the server that played it can go on from it.")
            : JournalEvents.Of(parent);
    }

    /// <summary>The events that stand before the first turn of the fork's own.</summary>
    /// <param name="parent">What is forked.</param>
    /// <param name="journal">Its events.</param>
    /// <param name="point">Where, and what is edited.</param>
    /// <exception cref="ForkException">There is no such turn, message or call.</exception>
    public static IReadOnlyList<JournalEvent> EventsBefore(Trajectory parent, IEnumerable<JournalEvent> journal, ForkPoint point)
    {
        CheckTurn(parent, point.Turn);
        JournalEvent[] all = [.. journal];
        if (all.Any(value => value is TurnPrompted))
            throw new ForkException($"Trajectory '{parent.Id}' was captured from an agent outside, which nobody here can play; only trajectories that were played here can be forked.");
        List<JournalEvent> events = [.. all
            .Where(EpisodeJournal.SaysWhatHappened)
            .TakeWhile(value => value is not TurnSampled turn || turn.Turn < point.Turn)
            .Select(WithoutTimings)];
        if (!events.Exists(value => value is PromptRendered) || events.Count(value => value is TurnSampled) != point.Turn - 1)
            throw new ForkException($"The journal of trajectory '{parent.Id}' does not have what stands before turn {point.Turn}.");
        switch (point)
        {
            case { Message: not null, ToolResult: not null }:
                throw new ForkException("Either the message or a tool result is edited, not both.");
            case { Message: { } content }:
                ReplaceMessage(events, content, point.Turn);
                break;
            case { ToolResult: { } edited }:
                ReplaceResult(events, parent, edited, point.Turn);
                break;
        }

        return events;
    }

    /// <summary>The calls of a trajectory from a turn on, with their results.</summary>
    public static IReadOnlyList<RecordedCall> CallsFrom(Trajectory parent, IEnumerable<JournalEvent> journal, int turn)
    {
        Dictionary<string, ToolResult> results = new(StringComparer.Ordinal);
        foreach (CallAnswered answered in journal.OfType<CallAnswered>())
            results[answered.CallId] = answered.Result;
        return [.. parent.ToolCalls
            .Where(call => call.Turn >= turn)
            .Select(call => new RecordedCall(call.Turn, call.Id, call.Name, call.Arguments, results.GetValueOrDefault(call.Id)))];
    }

    /// <summary>Limits that allow what the parent did, where those of its rollout are not known.</summary>
    public static RolloutLimits Widen(RolloutLimits limits, Trajectory parent) => limits with
    {
        MaxTurns = Math.Max(limits.MaxTurns, parent.Turns),
        MaxParseRetries = Math.Max(
            limits.MaxParseRetries, parent.ToolCalls.Where(call => call.Parse == ToolCallStatus.Malformed).DistinctBy(call => call.Turn).Count()),
    };

    /// <summary>What the parent did where its template rewrote earlier turns, as far as it shows.</summary>
    public static HistoryPolicy HistoryOf(Trajectory parent) => parent.Sequences.Count > 1 ? HistoryPolicy.Rerender : HistoryPolicy.AppendOnly;

    // The parent's time is not the fork's.
    private static JournalEvent WithoutTimings(JournalEvent value) => value is TurnSampled turn ? turn with { Timings = null } : value;

    /// <summary>Takes the rendered message away and leaves its edited form to be rendered in its place.</summary>
    private static void ReplaceMessage(List<JournalEvent> events, string content, int turn)
    {
        IReadOnlyList<Tokenization.Chat.ChatMessage> messages = events[^1] switch
        {
            PromptRendered prompt => prompt.Messages,
            MessagesAppended { Messages: { } said } => said,
            _ => throw new ForkException($"Turn {turn} follows tool results, not a message; edit the result of one of these calls: {string.Join(", ", CallsBefore(events))}."),
        };
        events.RemoveAt(events.Count - 1);
        if (events is [.., MessagesReplaced])
            events.RemoveAt(events.Count - 1);
        events.Add(new MessagesReplaced([.. messages.SkipLast(1), messages[^1] with { Content = content }]));
    }

    /// <summary>Takes the rendered results away and leaves the edited ones to be rendered in their place.</summary>
    private static void ReplaceResult(List<JournalEvent> events, Trajectory parent, EditedResult edited, int turn)
    {
        string[] calls = CallsBefore(events);
        if (!calls.Contains(edited.CallId))
        {
            string known = calls is [] ? "no result stands there" : $"results that do: {string.Join(", ", calls)}";
            string which = parent.ToolCalls.FirstOrDefault(call => call.Id == edited.CallId) is { } other
                ? $"Call '{edited.CallId}' was made in turn {other.Turn}, so its result does not stand right before turn {turn}"
                : $"Trajectory '{parent.Id}' has no call '{edited.CallId}' right before turn {turn}";
            throw new ForkException($"{which}; {known}.");
        }

        events.RemoveAt(events.Count - 1);
        int index = events.FindLastIndex(value => value is CallAnswered answered && answered.CallId == edited.CallId);
        CallAnswered before = (CallAnswered)events[index];
        events[index] = before with { Result = before.Result with { Text = edited.Text, Failure = null, Cut = null } };
    }

    /// <summary>The calls whose results stand last.</summary>
    private static string[] CallsBefore(List<JournalEvent> events) =>
        events is [.., MessagesAppended { CallIds: { } ids }] ? [.. ids] : [];
}
