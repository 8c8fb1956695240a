using System.Collections.Frozen;
using System.Text.Json;
using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using AgentRollout.Tools;

namespace AgentRollout.Environments.Loop;

/// <summary>Live state of one trajectory. Owned by the loop that plays it; nobody else touches it before it is sealed.</summary>
internal sealed class Episode(EpisodeSpec spec, Policy policy)
{
    /// <summary>The reason of a sequence that the template's own rewriting started.</summary>
    public const string TemplateRewroteHistory = "template_rewrote_history";

    private readonly List<SampledRun> _sampledRuns = [];
    private readonly List<TokenSequence> _sequences = [new()];
    private readonly List<int> _messagesBefore = [];
    private TokenChunk? _lastChunk;
    private string? _engine;
    private bool _turnIsJournaled = true;
    private bool _recalls = spec.Recall.Count > 0;

    public EpisodeSpec Spec { get; } = spec;

    public Policy Policy { get; } = policy;

    /// <summary>When the engine stops sampling for it; set before the first step.</summary>
    public DateTimeOffset? Deadline { get; set; }

    /// <summary>Created by the first step of the loop; null where that failed.</summary>
    public IEnvironment? Environment { get; set; }

    /// <summary>What the model is offered, in the order of the prompt. Set before the first step.</summary>
    public IReadOnlyList<FunctionSchema> Tools { get; set; } = [];

    /// <summary>By name of the tool what the task tells it and the model does not see. Set before the first step.</summary>
    public IReadOnlyDictionary<string, JsonElement> ToolArguments { get; set; } = FrozenDictionary<string, JsonElement>.Empty;

    /// <summary>Names of the offered tools whose calls see what earlier calls left. Set before the first step.</summary>
    public IReadOnlySet<string> StatefulTools { get; set; } = FrozenSet<string>.Empty;

    /// <summary>By name of the tool the score after its last call that had one.</summary>
    public Dictionary<string, double> ToolScores { get; } = new(StringComparer.Ordinal);

    /// <summary>What is spent of the budgets for tools.</summary>
    public ToolBudget ToolBudget { get; } = new(spec.Limits);

    /// <summary>What the model saw so far, in order; tokens are only ever appended to the last.</summary>
    public IReadOnlyList<TokenSequence> Sequences => _sequences;

    public TokenSequence Sequence => _sequences[^1];

    /// <summary>Index of <see cref="Sequence"/>.</summary>
    public int SequenceIndex => _sequences.Count - 1;

    public List<ChatMessage> Messages { get; } = [];

    public List<TrajectoryToolCall> ToolCalls { get; } = [];

    /// <summary>Where turns went on at another engine.</summary>
    public List<EngineMove> EngineMoves { get; } = [];

    /// <summary>What the episode takes again from an earlier run, and where it writes what it does.</summary>
    public EpisodeJournal Journal { get; } = new(spec);

    public EpisodeClock Clock { get; } = new(EpisodeJournal.PlayedBefore(spec.Recorded));

    /// <summary>The current assistant turn, from 1; 0 before the first.</summary>
    public int Turn { get; private set; }

    /// <summary>Turns whose tool calls could not be read.</summary>
    public int ParseFailures { get; set; }

    /// <summary>Set by the environment's last step.</summary>
    public IReadOnlyDictionary<string, double>? Rewards { get; set; }

    /// <summary>What the engine reported, kept apart from <see cref="Sequence"/> as the evidence of the audit.</summary>
    public IReadOnlyList<SampledRun> SampledRuns => _sampledRuns;

    /// <summary>Most tokens of the sequence.</summary>
    public int TokenBudget { get; } = Math.Min(spec.Limits.MaxTokens ?? int.MaxValue, policy.Engine.Model.ContextLength);

    /// <summary>Tokens that still fit.</summary>
    public int RemainingTokens => TokenBudget - Sequence.Count;

    /// <summary>The limit that forbids another turn, or null.</summary>
    public StopReason? ReachedLimit() =>
        Turn >= Spec.Limits.MaxTurns ? StopReason.MaxTurns
        : RemainingTokens < 1 ? StopReason.MaxTokens
        : null;

    public void BeginTurn()
    {
        Turn++;
        _turnIsJournaled = false;
        _lastChunk = null;
        _engine = null;
        _sampledRuns.Add(new SampledRun(SequenceIndex, Sequence.Count));
    }

    /// <summary>The turn where the journal has it, else null.</summary>
    public TurnSampled? TakeTurn()
    {
        TurnSampled? recorded = Journal.Take<TurnSampled>();
        _turnIsJournaled = recorded is not null;
        return recorded;
    }

    /// <summary>
    /// The recorded results of the turn's calls where they are the recorded calls of that turn and no turn before had others; null from there on,
    /// since what tools keep may be other than it was.
    /// </summary>
    public IReadOnlyDictionary<string, ToolResult>? RecallResults(IReadOnlyList<AttemptedCall> calls)
    {
        if (!_recalls)
            return null;
        RecordedCall[] recorded = [.. Spec.Recall.Where(call => call.Turn == Turn)];
        _recalls = recorded.Length == calls.Count && recorded.Zip(calls).All(pair => pair.First.Answers(pair.Second));
        return _recalls ? recorded.ToDictionary(call => call.Id, call => call.Result!, StringComparer.Ordinal) : null;
    }

    /// <summary>The engine has no more for this turn, or it was cut.</summary>
    public void EndTurn(TokenChunk? last, TimeSpan wall)
    {
        _lastChunk = last;
        Clock.AddGeneration(last?.Timings, wall);
    }

    /// <summary>Writes the turn as far as it was sampled, unless that is done.</summary>
    public async Task JournalTurnAsync(IReadOnlyList<AttemptedCall> calls)
    {
        if (_turnIsJournaled)
            return;
        TurnSampled turn = _sampledRuns[^1].ToEvent(Turn, Sequence, _lastChunk);
        if (calls is [])
            await Journal.WriteAsync(turn);
        else
            await Journal.WriteAsync(turn, new CallsRequested([.. calls.Select(call => call.Id)]));
        _turnIsJournaled = true;
    }

    /// <summary>Appends a chunk verbatim.</summary>
    public void AppendSampled(TokenChunk chunk)
    {
        if (_engine is { } before && chunk.Engine is { } engine && engine != before)
            EngineMoves.Add(new EngineMove(SequenceIndex, Sequence.Count, before, engine));
        _engine = chunk.Engine ?? _engine;
        _sampledRuns[^1].Add(chunk);
        Sequence.AppendSampled(
            Turn,
            chunk.Tokens.Span,
            chunk.Missing.HasFlag(MissingLogprobs.Raw) ? default : chunk.Logprobs.Span,
            chunk.WeightVersion,
            chunk.SamplingLogprobs is { } sampling ? sampling.Span : default,
            SampledRun.NameOf(chunk.Finish));
    }

    /// <summary>How many of the messages a sequence holds.</summary>
    public int MessagesOf(int sequence) => sequence < _messagesBefore.Count ? _messagesBefore[sequence] : Messages.Count;

    /// <summary>
    /// The tokens that messages add, not appended yet; null where no token of the next turn would fit behind them. Where the template rewrites
    /// earlier turns for them and the rollout wants to follow it, they begin a new sequence.
    /// </summary>
    /// <param name="messages">What the next turn reads.</param>
    /// <param name="callIds">The calls whose results they are; null where the environment says them.</param>
    /// <param name="closedBy">The end token that the turn before them sampled; null where it was cut before one.</param>
    public MessagesAppended? Render(IReadOnlyList<ChatMessage> messages, IReadOnlyList<string>? callIds, int? closedBy) =>
        Clock.Tokenize(() => Boundary.Run(FailureBoundary.Rendering, () =>
        {
            ChatFormat format = Policy.Format;
            bool startsSequence = Spec.History == HistoryPolicy.Rerender && format.RewritesHistory(Messages, messages, Tools);
            IReadOnlyList<RenderedSpan> spans = startsSequence
                ? [new RenderedSpan(SegmentSource.Prompt, format.RenderPrompt([.. Messages, .. messages], Tools))]
                : format.RenderDelta(messages, Tools, closedBy);
            int room = startsSequence ? TokenBudget : RemainingTokens;
            return spans.Sum(span => span.Tokens.Length) >= room
                ? null
                : new MessagesAppended(callIds is null ? messages : null, callIds, spans, startsSequence);
        }));

    /// <summary>Appends what was rendered.</summary>
    public void Append(MessagesAppended rendered, IReadOnlyList<ChatMessage> messages)
    {
        if (rendered.StartsSequence)
        {
            _messagesBefore.Add(Messages.Count);
            _sequences.Add(new TokenSequence(TemplateRewroteHistory));
        }

        rendered.AppendTo(Sequence, Turn);
        Messages.AddRange(messages);
    }
}
