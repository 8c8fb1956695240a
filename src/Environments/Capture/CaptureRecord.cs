using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Capture;

/// <summary>What is recorded of a session: all of it follows from the events of its journal. Not thread-safe.</summary>
internal sealed class CaptureRecord(CaptureSpec spec, Policy policy)
{
    private readonly List<CapturedSequence> _sequences = [];
    private readonly SortedDictionary<int, RecordedTurn> _turns = [];
    private readonly List<SampledRun> _runs = [];
    private readonly List<TrajectoryToolCall> _calls = [];
    private readonly HashSet<string> _callIds = new(StringComparer.Ordinal);

    public IReadOnlyList<CapturedSequence> Sequences => _sequences;

    /// <summary>Those of all attempted calls.</summary>
    public IReadOnlySet<string> CallIds => _callIds;

    /// <summary>The last turn that was asked for; 0 before the first.</summary>
    public int LastTurn { get; private set; }

    public CaptureDrift Drift { get; private set; } = new();

    public IReadOnlyDictionary<string, double>? Rewards { get; private set; }

    public EpisodeClock Clock { get; } = new(EpisodeJournal.PlayedBefore(spec.Recorded));

    /// <summary>Takes an event of an earlier run, or one that was just written.</summary>
    public void Apply(JournalEvent value)
    {
        switch (value)
        {
            case TurnPrompted prompted:
                Apply(prompted);
                break;
            case TurnSampled turn:
                SampledRun reported = new(_turns[turn.Turn].Sequence.Index, _turns[turn.Turn].Sequence.Tokens.Count);
                foreach (TokenChunk chunk in turn.ToChunks())
                    reported.Add(chunk);
                Apply(turn, reported, turn.Timings is { } timings ? timings.Queue + timings.Prefill + timings.Decode : TimeSpan.Zero);
                break;
            case TurnAnswered answered:
                Apply(answered);
                break;
            case EpisodeRewarded rewarded:
                Rewards = rewarded.Components;
                break;
        }
    }

    /// <summary>Takes what a call adds; the sequence that it goes on, or begins.</summary>
    public CapturedSequence Apply(TurnPrompted prompted)
    {
        PromptedCall call = prompted.Call;
        if (call.Origin is { } origin)
            _sequences.Add(new CapturedSequence(call.Sequence, origin));
        CapturedSequence sequence = _sequences[call.Sequence];
        sequence.Append(prompted, call.Origin?.Parent is { } parent ? _sequences[parent] : null);
        foreach (ChatMessage result in call.Messages.Where(message => message.Role == "tool"))
        {
            int known = _calls.FindIndex(attempted => attempted.Id == result.ToolCallId);
            if (known >= 0)
                _calls[known] = _calls[known] with { Result = result.Content ?? "", Attempts = 1 };
        }

        // A lost turn that is asked for again adds nothing to what it asked for first.
        if (!_turns.ContainsKey(call.Turn))
            _turns[call.Turn] = new RecordedTurn(sequence, call.Messages);
        LastTurn = Math.Max(LastTurn, call.Turn);
        Drift = Drift.With(call);
        return sequence;
    }

    /// <summary>Takes the tokens of a turn.</summary>
    /// <param name="turn">The turn.</param>
    /// <param name="reported">The same as the engine reported it, the evidence of the audit.</param>
    /// <param name="wall">How long it took.</param>
    public void Apply(TurnSampled turn, SampledRun reported, TimeSpan wall)
    {
        _runs.Add(reported);
        _turns[turn.Turn].Sequence.Append(turn);
        _turns[turn.Turn].IsCut = turn.Finish is null;
        Clock.AddGeneration(turn.Timings, wall);
    }

    /// <summary>Takes what a turn says, once its tokens are there.</summary>
    public void Apply(TurnAnswered answered)
    {
        RecordedTurn turn = _turns[answered.Turn];
        CapturedSequence sequence = turn.Sequence;
        SampledTurn read = SampledTurn.Read(policy.Format, sequence.Tokens.Tokens, sequence.Points[^1].Tokens, sequence.Tools, _calls.Count);
        foreach (AttemptedCall call in read.Calls)
        {
            _callIds.Add(call.Id);
            _calls.Add(ToRecord(call, answered.Turn, sequence));
        }

        turn.Answer = read.Message;
        sequence.Append(answered.Turn, answered.Message, read);
    }

    /// <summary>The trajectory as far as it is recorded.</summary>
    public Trajectory Seal(StopReason reason)
    {
        TrajectoryStatus status = reason.ToStatus();
        IReadOnlyDictionary<string, double> components = Rewards ?? new Dictionary<string, double>();
        double? reward = TrajectorySealer.RewardOf(status, components);
        TrajectorySequence[] recorded = SequenceRecords.Of(_sequences is [] ? [new TokenSequence()] : [.. _sequences.Select(sequence => sequence.Tokens)]);
        TrajectorySequence[] sequences = SequenceRecords.Narrow(recorded, spec.Mask, _calls);
        SequenceText[] texts = _sequences is []
            ? [new SequenceText([], [])]
            : [.. _sequences.Select(sequence => new SequenceText([.. EndsCut(sequence) ? sequence.Record.SkipLast(1) : sequence.Record], sequence.Tools))];
        return new Trajectory
        {
            Id = spec.TrajectoryId,
            RolloutId = spec.RolloutId,
            GroupId = spec.GroupId,
            SampleIndex = spec.SampleIndex,
            Task = new TrajectoryTask(spec.Task.Id, spec.Environment, spec.Task.Data),
            Model = new TrajectoryModel(policy.Name, policy.Format.Tokenizer.Hash, policy.Format.Template.Hash),
            Seed = spec.Seed,
            Sampling = spec.Sampling,
            MaskPolicy = spec.Mask,
            Tools = _sequences.Select(sequence => sequence.Tools).FirstOrDefault(tools => tools is not []) ?? [],
            Status = status,
            StopReason = reason,
            Reward = reward,
            RewardComponents = components,
            Sequences = sequences,
            Messages = [.. _turns.Values.SelectMany(MessagesOf)],
            ToolCalls = [.. _calls],
            Timings = Clock.Read(),
            Failure = null,
            Digest = TrajectoryDigest.Compute(sequences, reward, components),
            Audit = SealingAudit.Run(policy.Format, recorded, _runs, _calls, texts),
        };
    }

    /// <summary>What a turn added to all that was said. As everywhere, a turn that was cut says nothing, unless the agent went on behind it.</summary>
    private static IEnumerable<ChatMessage> MessagesOf(RecordedTurn turn) => turn.Answer is null || (turn.IsCut && IsLast(turn))
        ? turn.Messages
        : turn.Messages.Append(turn.Answer);

    private bool EndsCut(CapturedSequence sequence) => _turns.Values.Any(turn => turn.IsCut && turn.Sequence == sequence && IsLast(turn));

    private static bool IsLast(RecordedTurn turn) => ReferenceEquals(turn.Sequence.Record[^1], turn.Answer);

    private static TrajectoryToolCall ToRecord(AttemptedCall call, int turn, CapturedSequence sequence) => new()
    {
        Id = call.Id,
        Turn = turn,
        Name = call.Parsed.Name,
        Arguments = call.Parsed.Arguments,
        Sequence = sequence.Index,
        TokenSpan = call.TokenSpan,
        Parse = call.Parsed.Outcome == ParseOutcome.Malformed ? ToolCallStatus.Malformed
            : sequence.Tools.Any(tool => tool.Name == call.Parsed.Name) ? ToolCallStatus.Ok
            : ToolCallStatus.UnknownTool,
        Result = null,
        Error = call.Parsed.Error,
        Attempts = 0,
        QueueMs = 0,
        RunMs = 0,
        Sandbox = null,
    };

    private sealed class RecordedTurn(CapturedSequence sequence, IReadOnlyList<ChatMessage> messages)
    {
        public CapturedSequence Sequence => sequence;

        public IReadOnlyList<ChatMessage> Messages => messages;

        public ChatMessage? Answer { get; set; }

        public bool IsCut { get; set; }
    }
}
