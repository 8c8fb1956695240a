using AgentRollout.Environments.Journal;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Telemetry;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Environments.Capture;

/// <summary>
/// One trajectory that an agent outside plays: it sends whole conversations, and each of its calls is brought onto the recorded tokens
/// (<see cref="PromptPlanner"/>). What a call adds and what is sampled are events of the journal before anybody sees them. Thread-safe.
/// </summary>
public sealed class CaptureSession : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly CancellationTokenSource _cut = new();
    private readonly IProgress<RolloutEvent>? _progress;
    private readonly PromptPlanner _planner;
    private readonly CaptureRecord _record;
    private readonly HashSet<CapturedTurn> _running = [];
    private JournalEvent? _opening;
    private volatile int _runningCount;
    private bool _hasEnded;

    /// <param name="spec">What is recorded, and what was.</param>
    /// <param name="policy">What answers.</param>
    /// <param name="progress">Told about every step; that the trajectory began and that it was sealed is the caller's to tell.</param>
    public CaptureSession(CaptureSpec spec, Policy policy, IProgress<RolloutEvent>? progress = null)
    {
        (Spec, Policy, _progress) = (spec, policy, progress);
        _planner = new PromptPlanner(policy.Format);
        _record = new CaptureRecord(spec, policy);
        foreach (JournalEvent value in spec.Recorded.SelectMany(entry => entry.Events))
            _record.Apply(value);
        _opening = spec.Recorded is [] ? new TrajectoryBegan() : new TrajectoryResumed();
    }

    public CaptureSpec Spec { get; }

    internal Policy Policy { get; }

    /// <summary>Cancelled once the session is being sealed: turns that are sampled at that moment are cut.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>How its calls went on with what was recorded.</summary>
    public CaptureDrift Drift => _record.Drift;

    /// <summary>Turns that were asked for.</summary>
    public int Turns => _record.LastTurn;

    /// <summary>Turns that are sampled at the moment.</summary>
    public int Running => _runningCount;

    /// <summary>Sequences so far.</summary>
    public int Sequences => _record.Sequences.Count;

    /// <summary>The rewards so far.</summary>
    public IReadOnlyDictionary<string, double>? Rewards => _record.Rewards;

    /// <summary>Brings a call onto the recorded tokens and begins its turn, which must be ended.</summary>
    /// <param name="call">What is asked.</param>
    /// <param name="check">Throws where the call cannot be honoured behind this prompt; nothing is recorded then.</param>
    /// <param name="cancellationToken">The client is gone.</param>
    /// <exception cref="CaptureException">It cannot be answered.</exception>
    /// <exception cref="JournalException">The journal cannot be kept.</exception>
    public async Task<CapturedTurn> BeginAsync(CapturedCall call, Action<CapturedPrompt> check, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            RequireRoom();
            PlannedPrompt planned = Plan(call);
            PromptedCall prompted = planned.ToCall(_record.Sequences.Count, _record.LastTurn, call, _record.CallIds);
            CapturedPrompt prompt = new(planned.Prompt, (ulong)TrajectorySeed.OfSequence(Spec.Seed, prompted.Sequence), RoomBehind(planned), prompted.Sequence);
            check(prompt);
            TurnPrompted value = new(prompted, planned.Spans);
            await Spec.Journal.AppendAsync(Spec.TrajectoryId, _opening is { } opening ? [opening, value] : [value]);
            _opening = null;
            CapturedSequence sequence = _record.Apply(value);
            sequence.IsBusy = true;
            LoopMetrics.RecordCapturedCall(prompted);
            Report(new TurnStarted(Spec.RolloutId, Spec.TrajectoryId, prompted.Turn, prompt.Tokens.Length));
            CapturedTurn turn = new(this, prompted.Turn, sequence, prompt);
            _running.Add(turn);
            _runningCount = _running.Count;
            return turn;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Sets the rewards of the trajectory, in place of those before.</summary>
    /// <exception cref="CaptureException">The session has ended.</exception>
    /// <exception cref="JournalException">The journal cannot be kept.</exception>
    public async Task SetRewardsAsync(IReadOnlyDictionary<string, double> components, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            RequireOpen();
            EpisodeRewarded value = new(components);
            await Spec.Journal.AppendAsync(Spec.TrajectoryId, [value]);
            _record.Apply(value);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends the session: cuts what is sampled, however slowly its clients read, and makes the trajectory. Asked again, it makes the same.</summary>
    /// <exception cref="JournalException">The journal cannot be kept.</exception>
    public async Task<Trajectory> SealAsync(StopReason reason)
    {
        CapturedTurn[] running;
        await _gate.WaitAsync();
        try
        {
            _hasEnded = true;
            running = [.. _running];
        }
        finally
        {
            _gate.Release();
        }

        await _cut.CancelAsync();
        foreach (CapturedTurn turn in running)
            await turn.CutAsync();
        Trajectory trajectory = _record.Seal(reason);
        LoopMetrics.RecordTrajectory(trajectory);
        return trajectory;
    }

    public void Dispose()
    {
        _gate.Dispose();
        _cut.Dispose();
    }

    /// <summary>Keeps what a turn sampled, and lets its sequence go on.</summary>
    internal async Task EndAsync(CapturedTurn turn, TurnSampled? sampled, ChatMessage shown, TimeSpan wall)
    {
        await _gate.WaitAsync();
        try
        {
            if (sampled is not null)
            {
                TurnAnswered answered = new(turn.Number, shown);
                await Spec.Journal.AppendAsync(Spec.TrajectoryId, [sampled, answered]);
                _record.Apply(sampled, turn.Reported, wall);
                _record.Apply(answered);
            }

            LoopMetrics.RecordTurn(Policy, turn.Prompt.Tokens.Length, turn.Reported.Tokens.Count, sampled?.Timings, wall, errorType: null);
            Report(new TurnFinished(Spec.RolloutId, Spec.TrajectoryId, turn.Number, turn.Reported.Tokens.Count, shown.ToolCalls?.Count ?? 0));
        }
        finally
        {
            turn.Sequence.IsBusy = false;
            _running.Remove(turn);
            _runningCount = _running.Count;
            _gate.Release();
        }
    }

    /// <summary>Tells whoever watches.</summary>
    internal void Report(RolloutEvent value) => _progress?.Report(value);

    /// <summary>Whether somebody watches.</summary>
    internal bool IsWatched => _progress is not null;

    private PlannedPrompt Plan(CapturedCall call)
    {
        try
        {
            _ = Policy.Format.ToolCallParser;
            return _record.Clock.Tokenize(() => _planner.Plan(_record.Sequences, call));
        }
        catch (TokenizerException exception)
        {
            throw new CaptureException(CaptureProblem.Conversation, exception.Message, exception);
        }
    }

    private int RoomBehind(PlannedPrompt planned)
    {
        int budget = Math.Min(Spec.MaxTokens ?? int.MaxValue, Policy.Engine.Model.ContextLength);
        int length = (planned.Point?.Tokens ?? 0) + planned.Spans.Sum(span => span.Tokens.Length);
        return length < budget
            ? Math.Min(budget - length, Spec.MaxTokensPerTurn ?? int.MaxValue)
            : throw new CaptureException(CaptureProblem.Limit, $"The conversation has {length} tokens, which leaves no room in the {budget} of session '{Spec.TrajectoryId}'.");
    }

    private void RequireRoom()
    {
        RequireOpen();
        if (_record.LastTurn >= Spec.MaxTurns)
            throw new CaptureException(CaptureProblem.Limit, $"Session '{Spec.TrajectoryId}' has had its {Spec.MaxTurns} turns.");
    }

    private void RequireOpen()
    {
        if (_hasEnded)
            throw new CaptureException(CaptureProblem.Ended, $"Session '{Spec.TrajectoryId}' has ended.");
    }
}

/// <summary>The tokens of a call.</summary>
/// <param name="Tokens">What the engine continues.</param>
/// <param name="Seed">Of the noise.</param>
/// <param name="MaxNewTokens">Most tokens of the answer, at least 1.</param>
/// <param name="Sequence">Index of the sequence.</param>
public sealed record CapturedPrompt(ReadOnlyMemory<int> Tokens, ulong Seed, int MaxNewTokens, int Sequence);
