using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects;

/// <summary>One generation that a client of another server's protocol asks for, whatever the protocol: dialects read into this and write from <see cref="DialectAnswer"/>.</summary>
internal sealed record DialectCall
{
    /// <summary>The client's name for the call, or one that was made for it; aborts name it or its beginning.</summary>
    public required string Id { get; init; }

    /// <summary>The prompt.</summary>
    public required ReadOnlyMemory<int> Tokens { get; init; }

    /// <summary>Most tokens to sample; 0 only looks at the prompt.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>How to sample.</summary>
    public SamplingParams Sampling { get; init; } = SamplingParams.Default;

    /// <summary>Of the noise.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Tokens that end the answer and are part of it.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Sequences of tokens that end the answer and are part of it.</summary>
    public IReadOnlyList<IReadOnlyList<int>> StopSequences { get; init; } = [];

    /// <summary>Texts that end the answer with the token that completes one.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Whether the text keeps what ended it.</summary>
    public bool KeepsStop { get; init; }

    /// <summary>Whether control tokens are left out of the text.</summary>
    public bool SkipsSpecialTokens { get; init; } = true;

    /// <summary>The distribution whose log-probabilities the protocol reports.</summary>
    public ReportedDistribution Distribution { get; init; }

    /// <summary>How many of the likeliest tokens are reported with each sampled one.</summary>
    public int TopLogprobs { get; init; }

    /// <summary>Tokens whose log-probabilities are reported with each sampled one.</summary>
    public IReadOnlyList<int> WatchedTokenIds { get; init; } = [];

    /// <summary>Whether the tokens that the filters left are reported.</summary>
    public bool ReturnsKeptTokens { get; init; }

    /// <summary>From which token of the prompt on log-probabilities are reported, that token being the first without one; null for none.</summary>
    public int? PromptLogprobsFrom { get; init; }

    /// <summary>How many of the prompt's last tokens were sampled before, by an engine that was lost.</summary>
    public int SampledBefore { get; init; }

    /// <summary>Of the engine's queue.</summary>
    public int Priority { get; init; }

    /// <summary>Calls of one group begin with the same prompt, which is computed once.</summary>
    public string? GroupKey { get; init; }

    /// <summary>Calls with the same key share one turn of the engine.</summary>
    public string FairnessKey { get; init; } = "";

    /// <summary>Names a sequence that comes back longer.</summary>
    public string? CacheKey { get; init; }

    /// <summary>What becomes of it where weights or memory are taken from under it.</summary>
    public InterruptPolicy OnInterrupt { get; init; }

    /// <summary>When the engine gives up.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Whether the engine must report the distribution before the filters: neither the raw one nor the one sampled from is it.</summary>
    public bool NeedsUnfiltered => Distribution == ReportedDistribution.Unfiltered && IsTempered
        && (IsFiltered || Sampling.Temperature == 0 || TopLogprobs > 0 || WatchedTokenIds.Count > 0);

    /// <summary>Whether the distribution before the filters is another than the raw one; greedy sampling counts as temperature 1.</summary>
    public bool IsTempered => Sampling.Temperature is not (0 or 1) || Sampling.ChangesLogits;

    /// <summary>Whether some tokens cannot be drawn.</summary>
    public bool IsFiltered => Sampling.TopK > 0 || Sampling.TopP < 1 || Sampling.MinP > 0;

    /// <summary>The same for the engine.</summary>
    public GenerationRequest ToRequest() => new()
    {
        Id = Id,
        Tokens = Tokens,
        MaxNewTokens = MaxNewTokens,
        Sampling = Sampling,
        Seed = Seed,
        SampledBefore = SampledBefore,
        StopTokenIds = StopTokenIds,
        StopSequences = StopSequences,
        TopLogprobs = TopLogprobs,
        WatchedTokenIds = WatchedTokenIds,
        ReturnUnfilteredLogprobs = NeedsUnfiltered,
        ReturnKeptTokens = ReturnsKeptTokens,
        Priority = Priority,
        FairnessKey = FairnessKey,
        GroupKey = GroupKey,
        CacheKey = CacheKey,
        OnInterrupt = OnInterrupt,
        Deadline = Deadline,
    };
}

/// <summary>Which log-probabilities a protocol reports.</summary>
internal enum ReportedDistribution
{
    /// <summary>Of the logits as they are.</summary>
    Raw,

    /// <summary>After bias, penalties and temperature, before top-k, top-p and min-p.</summary>
    Unfiltered,
}
