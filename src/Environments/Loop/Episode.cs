using System.Collections.Frozen;
using System.Text.Json;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Loop;

/// <summary>Live state of one trajectory. Owned by the loop that plays it; nobody else touches it before it is sealed.</summary>
internal sealed class Episode(EpisodeSpec spec, Policy policy)
{
    /// <summary>The reason of a sequence that the template's own rewriting started.</summary>
    public const string TemplateRewroteHistory = "template_rewrote_history";

    private readonly List<SampledRun> _sampledRuns = [];
    private readonly List<TokenSequence> _sequences = [new()];
    private readonly List<int> _messagesBefore = [];

    public EpisodeSpec Spec { get; } = spec;

    public Policy Policy { get; } = policy;

    /// <summary>Created by the first step of the loop; null where that failed.</summary>
    public IEnvironment? Environment { get; set; }

    /// <summary>What the model is offered, in the order of the prompt. Set before the first step.</summary>
    public IReadOnlyList<FunctionSchema> Tools { get; set; } = [];

    /// <summary>By name of the tool what the task tells it and the model does not see. Set before the first step.</summary>
    public IReadOnlyDictionary<string, JsonElement> ToolArguments { get; set; } = FrozenDictionary<string, JsonElement>.Empty;

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

    public EpisodeClock Clock { get; } = new();

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
        _sampledRuns.Add(new SampledRun(SequenceIndex, Sequence.Count));
    }

    /// <summary>Appends a chunk verbatim.</summary>
    public void AppendSampled(TokenChunk chunk)
    {
        _sampledRuns[^1].Add(chunk);
        Sequence.AppendSampled(
            Turn,
            chunk.Tokens.Span,
            chunk.Logprobs.Span,
            chunk.WeightVersion,
            chunk.SamplingLogprobs is { } sampling ? sampling.Span : default,
            chunk.Finish?.ToString().ToLowerInvariant());
    }

    /// <summary>How many of the messages a sequence holds.</summary>
    public int MessagesOf(int sequence) => sequence < _messagesBefore.Count ? _messagesBefore[sequence] : Messages.Count;

    /// <summary>
    /// Appends messages and the tokens that they add; false, and nothing changed, where no token of the next turn would fit behind them.
    /// Where the template rewrites earlier turns for them and the rollout wants to follow it, they begin a new sequence.
    /// </summary>
    public bool TryAppend(IReadOnlyList<ChatMessage> messages, IReadOnlyList<string>? callIds, int? closedBy)
    {
        ChatFormat format = Policy.Format;
        if (Spec.History == HistoryPolicy.Rerender
            && Clock.Tokenize(() => Boundary.Run(FailureBoundary.Rendering, () => format.RewritesHistory(Messages, messages, Tools))))
            return TryRestart(messages);

        IReadOnlyList<RenderedSpan> delta = Clock.Tokenize(() => Boundary.Run(
            FailureBoundary.Rendering, () => format.RenderDelta(messages, Tools, closedBy)));
        if (delta.Sum(span => span.Tokens.Length) >= RemainingTokens)
            return false;

        foreach (RenderedSpan span in delta)
        {
            Sequence.Append(
                span.Source, Turn, span.Tokens, callIds: span.Source == SegmentSource.Observation ? callIds : null);
        }

        Messages.AddRange(messages);
        return true;
    }

    private bool TryRestart(IReadOnlyList<ChatMessage> messages)
    {
        int[] prompt = Clock.Tokenize(() => Boundary.Run(
            FailureBoundary.Rendering, () => Policy.Format.RenderPrompt([.. Messages, .. messages], Tools)));
        if (prompt.Length >= TokenBudget)
            return false;

        _messagesBefore.Add(Messages.Count);
        _sequences.Add(new TokenSequence(TemplateRewroteHistory));
        Sequence.Append(SegmentSource.Prompt, Turn, prompt);
        Messages.AddRange(messages);
        return true;
    }
}
