using System.Text.Json;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>What <c>/inference/v1/generate</c> is asked. Members without a meaning here are ignored, unless they would change the answer.</summary>
internal sealed class TokenRequest : JsonBody
{
    private static readonly (string Name, string Reason)[] _refused =
    [
        ("features", "the model reads tokens only"),
        ("kv_transfer_params", "keys and values are not moved between servers"),
    ];

    private readonly OpenAiBody _sampling;
    private readonly JsonBody? _own;

    /// <param name="body">The request.</param>
    /// <param name="id">Names the call where the body does not.</param>
    /// <exception cref="Errors.InvalidInputException">It asks for what is not done here.</exception>
    public TokenRequest(JsonElement body, string id)
        : base(body)
    {
        Refuse(_refused);
        if (Text("output_mode") is { } mode and not "tokens")
            throw DialectValues.Invalid($"'output_mode' is '{mode}'; it must be tokens.");
        JsonElement sampling = this["sampling_params"] ?? JsonElement.Parse("{}");
        _sampling = sampling.ValueKind == JsonValueKind.Object ? new OpenAiBody(sampling) : throw DialectValues.Invalid("'sampling_params' must be an object.");
        _own = this["agentrollout"] is { ValueKind: JsonValueKind.Object } own ? new JsonBody(own) : null;
        Id = Text("request_id") ?? id;
        Stream = Bool("stream") ?? false;
        ReturnsPrompt = Bool("return_token_ids") ?? false;
        Logprobs = _sampling.Count("logprobs");
        PromptLogprobs = _sampling.Count("prompt_logprobs");
        if (Stream && PromptLogprobs is not null)
            throw DialectValues.Invalid("'prompt_logprobs' cannot be streamed.");
    }

    public string Id { get; }

    public bool Stream { get; }

    /// <summary>Whether a stream ends with the counts of tokens.</summary>
    public bool IncludesUsage => OpenAiBody.AsksForUsage(this["stream_options"]);

    /// <summary>Whether the tokens of the prompt come back.</summary>
    public bool ReturnsPrompt { get; }

    /// <summary>How many tokens are reported at each place, the sampled one first; null for none.</summary>
    public int? Logprobs { get; }

    /// <summary>How many of the likeliest tokens are reported with each one of the prompt; null for none.</summary>
    public int? PromptLogprobs { get; }

    /// <summary>Whether the answer has what only this server's own client understands.</summary>
    public bool ReturnsDetails => _own?.Bool("details") ?? false;

    public ChatCall ToCall() => new()
    {
        Id = Id,
        Prompt = DialectValues.Ints("token_ids", this["token_ids"] ?? throw DialectValues.Invalid("The body has no 'token_ids'.")).ToArray(),
        ReadsTurns = false,
        Choices = _sampling.Choices,
        Sampling = _sampling.Sampling,
        // What is not said fills the context: a limit of 16 that nobody asked for cuts the answers of trainers.
        MaxNewTokens = _sampling.Int("max_tokens"),
        Seed = _sampling.Seed,
        StopTexts = _sampling.Stop,
        StopTokenIds = _sampling.StopTokenIds,
        IgnoresEnds = _sampling.Bool("ignore_eos") ?? false,
        TopLogprobs = Logprobs ?? 0,
        PromptLogprobs = PromptLogprobs,
        GroupKey = _own?.Text("group_key"),
        CacheKey = _own?.Text("cache_key"),
        FairnessKey = _own?.Text("fairness_key") ?? "",
        SampledBefore = _own?.Int("sampled_before") ?? 0,
        OnInterrupt = DialectValues.Interrupt("on_interrupt", _own?.Text("on_interrupt")),
        // There the lower number is served first, here the higher one.
        Priority = -Math.Clamp(Int("priority") ?? 0, -GenerationRequest.MaxPriority, GenerationRequest.MaxPriority),
    };
}
