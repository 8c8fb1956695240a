using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Environments.Loop;

/// <summary>Live state of one trajectory. Owned by the loop that plays it; nobody else touches it before it is sealed.</summary>
internal sealed class Episode(EpisodeSpec spec, Policy policy, IReadOnlyList<FunctionSchema> tools)
{
    private readonly List<SampledRun> _sampledRuns = [];

    public EpisodeSpec Spec { get; } = spec;

    public Policy Policy { get; } = policy;

    /// <summary>Created by the first step of the loop; null where that failed.</summary>
    public IEnvironment? Environment { get; set; }

    /// <summary>What the model is offered, in the order of the prompt.</summary>
    public IReadOnlyList<FunctionSchema> Tools { get; } = tools;

    public TokenSequence Sequence { get; } = new();

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
        _sampledRuns.Add(new SampledRun(Sequence.Count));
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

    /// <summary>
    /// Appends messages and the tokens that they add; false, and nothing changed, where no token of the next turn would fit behind them.
    /// </summary>
    public bool TryAppend(IReadOnlyList<ChatMessage> messages, IReadOnlyList<string>? callIds, bool turnIsClosed)
    {
        IReadOnlyList<RenderedSpan> delta = Clock.Tokenize(() => Boundary.Run(
            FailureBoundary.Rendering, () => Policy.Format.RenderDelta(messages, Tools, turnIsClosed)));
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
}
