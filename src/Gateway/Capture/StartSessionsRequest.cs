using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Tokenization.Masking;

namespace AgentRollout.Gateway.Capture;

/// <summary>
/// The body of <c>POST /v1/sessions</c>: a rollout whose trajectories agents outside play, tasks x samples, each in a session. Members that
/// <see cref="StartRolloutRequest"/> has too mean the same, and are stored so that they can be read as one.
/// </summary>
internal record StartSessionsRequest
{
    /// <summary>What the agents play; a label. Default <c>capture</c>.</summary>
    [DefaultValue("capture")]
    public string Environment { get; set; } = "capture";

    /// <summary>The tasks. Default one, <c>task</c>.</summary>
    public IReadOnlyList<SessionTaskBody>? Tasks { get; set; }

    /// <summary>Sessions per task: the size of a group.</summary>
    [Range(1, 4_096)]
    [DefaultValue(1)]
    public int SamplesPerTask { get; set; } = 1;

    /// <summary>How tokens are drawn, whatever the agents ask for.</summary>
    public SamplingBody Sampling { get; set; } = new();

    /// <summary>Bounds of every session.</summary>
    public SessionLimitsBody Limits { get; set; } = new();

    /// <summary>Which sampled tokens keep loss mask 1.</summary>
    [DefaultValue(MaskPolicy.AllSampled)]
    public MaskPolicy Mask { get; set; }

    /// <summary>From it follows every session's seed; drawn by the server where it is not given.</summary>
    [Range(0L, (double)StartRolloutRequest.MaxSeed)]
    public long? Seed { get; set; }

    /// <summary>The served model's name, for clients that want to be sure of it.</summary>
    public string? Model { get; set; }
}

/// <summary>One task that agents outside play.</summary>
internal sealed record SessionTaskBody
{
    /// <summary>Unique in the request.</summary>
    public required string Id { get; set; }

    /// <summary>Whatever belongs to it; a JSON object, which the trajectories carry. Default empty.</summary>
    public JsonElement? Data { get; set; }
}

/// <summary>Bounds of a session.</summary>
internal sealed record SessionLimitsBody
{
    /// <summary>Most assistant turns.</summary>
    [Range(1, 10_000)]
    [DefaultValue(256)]
    public int MaxTurns { get; set; } = 256;

    /// <summary>Most tokens of a sequence, prompt included; null for the model's context.</summary>
    [Range(1, 10_000_000)]
    public int? MaxTokens { get; set; }

    /// <summary>Most tokens sampled in one turn; null for no limit of its own.</summary>
    [Range(1, 10_000_000)]
    public int? MaxTokensPerTurn { get; set; }

    /// <summary>How long a session may be without a call; then it is sealed as truncated.</summary>
    [Range(0.001, 604_800.0)]
    [DefaultValue(600d)]
    public double IdleSeconds { get; set; } = 600;

    /// <summary>Wall-clock limit of a session; then it is sealed as truncated.</summary>
    [Range(0.001, 604_800.0)]
    [DefaultValue(86_400d)]
    public double DeadlineSeconds { get; set; } = 86_400;
}

/// <summary>A request as it was accepted and is stored.</summary>
internal sealed record AcceptedSessions : StartSessionsRequest
{
    public AcceptedSessions()
    {
    }

    public AcceptedSessions(StartSessionsRequest request)
        : base(request)
    {
    }

    /// <summary>What the keys of its sessions are made of.</summary>
    public string Secret { get; set; } = "";
}
