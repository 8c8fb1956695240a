using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>The body of <c>/generate</c>. Members that may be one value or a list, one for each prompt, are read where the number of prompts is known.</summary>
internal sealed record GenerateBody
{
    public TokenLists? InputIds { get; set; }

    public JsonElement? Text { get; set; }

    public JsonElement? SamplingParams { get; set; }

    public JsonElement? Rid { get; set; }

    public JsonElement? ReturnLogprob { get; set; }

    public JsonElement? LogprobStartLen { get; set; }

    public JsonElement? TopLogprobsNum { get; set; }

    public JsonElement? TokenIdsLogprob { get; set; }

    public bool? ReturnTextInLogprobs { get; set; }

    public bool? ReturnPromptTokenIds { get; set; }

    public bool? ReturnSamplingMask { get; set; }

    public bool? Stream { get; set; }

    public int? Priority { get; set; }

    /// <summary>What only this server understands; others ignore it.</summary>
    public GenerateExtension? Agentrollout { get; set; }

    /// <summary>The rest: what would change results is refused, all else ignored.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>What this server's own client asks beyond the protocol.</summary>
internal sealed record GenerateExtension
{
    /// <summary>The pieces of the stream hold what is new.</summary>
    public bool Incremental { get; set; }

    /// <summary>Adds to <c>meta_info</c> an object of the same name: both kinds of log-probability, the engine's weight version, its timings and how it ended.</summary>
    public bool Details { get; set; }

    /// <summary>Only <c>stop_token_ids</c> end the answer, not the model's own.</summary>
    public bool OnlyStopTokenIds { get; set; }

    /// <summary>Sequences of tokens that end the answer.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? StopSequences { get; set; }

    /// <summary>How many of the prompt's last tokens were sampled before, by an engine that was lost.</summary>
    public int SampledBefore { get; set; }

    /// <summary>Names a sequence that comes back longer.</summary>
    public string? CacheKey { get; set; }

    /// <summary>Requests with the same key begin alike.</summary>
    public string? GroupKey { get; set; }

    /// <summary>Requests with the same key share one turn of the engine.</summary>
    public string? FairnessKey { get; set; }

    /// <summary><c>auto_resume</c>, <c>return_partial</c> or <c>restart</c>.</summary>
    public string? OnInterrupt { get; set; }
}
