namespace AgentRollout.Environments.Capture;

/// <summary>How the calls of a session went on with what was recorded.</summary>
public sealed record CaptureDrift
{
    /// <summary>Calls that began a conversation: the first, and those that <see cref="ForkReason.NewConversation"/> began.</summary>
    public int Begun { get; init; }

    /// <summary>Calls that said everything as it was recorded and went on.</summary>
    public int Continued { get; init; }

    /// <summary>Calls that said an answer otherwise, whose recorded tokens were kept.</summary>
    public int Healed { get; init; }

    /// <summary>Calls that began another sequence.</summary>
    public int Forked { get; init; }

    /// <summary>The healed calls by reason; a call may have several.</summary>
    public IReadOnlyDictionary<string, int> HealedBecause { get; init; } = new Dictionary<string, int>();

    /// <summary>The forked calls by reason.</summary>
    public IReadOnlyDictionary<string, int> ForkedBecause { get; init; } = new Dictionary<string, int>();

    /// <summary>The drift of calls.</summary>
    public static CaptureDrift Of(IEnumerable<PromptedCall> calls) => calls.Aggregate(new CaptureDrift(), (drift, call) => drift.With(call));

    /// <summary>With one more call.</summary>
    internal CaptureDrift With(PromptedCall call) => OutcomeOf(call) switch
    {
        (CaptureOutcome.Begun, _) => this with { Begun = Begun + 1 },
        (CaptureOutcome.Forked, var reasons) => this with { Forked = Forked + 1, ForkedBecause = Count(ForkedBecause, reasons) },
        (CaptureOutcome.Healed, var reasons) => this with { Healed = Healed + 1, HealedBecause = Count(HealedBecause, reasons) },
        _ => this with { Continued = Continued + 1 },
    };

    /// <summary>How a call went on, and why.</summary>
    internal static (CaptureOutcome Outcome, IReadOnlyList<string> Reasons) OutcomeOf(PromptedCall call) => call switch
    {
        { Origin.StartedBecause: { } reason } when reason != DriftReasonName.Of(ForkReason.NewConversation) => (CaptureOutcome.Forked, [reason]),
        { Origin: not null } => (CaptureOutcome.Begun, []),
        { Heals: [] } => (CaptureOutcome.Continued, []),
        _ => (CaptureOutcome.Healed, [.. call.Heals.Select(DriftReasonName.Of)]),
    };

    private static Dictionary<string, int> Count(IReadOnlyDictionary<string, int> counts, IEnumerable<string> reasons)
    {
        Dictionary<string, int> more = new(counts, StringComparer.Ordinal);
        foreach (string reason in reasons)
            more[reason] = more.GetValueOrDefault(reason) + 1;
        return more;
    }
}

/// <summary>How a call of an agent outside went on with what was recorded.</summary>
internal enum CaptureOutcome
{
    /// <summary>It began a conversation.</summary>
    Begun,

    /// <summary>It said everything as it was recorded.</summary>
    Continued,

    /// <summary>It said an answer otherwise, whose tokens were kept.</summary>
    Healed,

    /// <summary>It began another sequence.</summary>
    Forked,
}
