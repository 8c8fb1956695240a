using System.Globalization;
using System.Text.Json;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>
/// The members that requests of OpenAI's protocol have in common, with those that SGLang and vLLM add to them. Members without a meaning here are
/// ignored, unless they would change the answer: then they are refused.
/// </summary>
internal sealed class OpenAiBody : JsonBody
{
    /// <summary>What is not computed here.</summary>
    private static readonly (string Name, string Reason)[] _refused =
    [
        ("structured_outputs", "constrained decoding is not computed here"),
        ("guided_json", "constrained decoding is not computed here"),
        ("guided_regex", "constrained decoding is not computed here"),
        ("guided_choice", "constrained decoding is not computed here"),
        ("guided_grammar", "constrained decoding is not computed here"),
        ("regex", "constrained decoding is not computed here"),
        ("ebnf", "constrained decoding is not computed here"),
        ("structural_tag", "constrained decoding is not computed here"),
        ("guided_decoding", "constrained decoding is not computed here"),
        ("allowed_token_ids", "use 'logit_bias'"),
        ("bad_words", "use 'logit_bias'"),
        ("functions", "use 'tools'"),
        ("web_search_options", "offer a tool that searches"),
        ("audio", "answers are text"),
        ("continue_final_message", "an assistant's message is sampled, never continued from a rendering"),
        ("lora_path", "adapters are not loaded here"),
        ("use_beam_search", "answers are sampled"),
        ("logits_processors", "use 'logit_bias'"),
        ("return_hidden_states", "hidden states are not reported"),
        ("return_routed_experts", "experts are not reported"),
        ("truncate_prompt_tokens", "prompts are not cut"),
        ("prompt_embeds", "prompts are tokens or text"),
        ("chat_template", "conversations are rendered by the model's own"),
    ];

    public OpenAiBody(JsonElement body)
        : base(body)
    {
        Refuse(_refused);
        if (this["response_format"] is { } format && !IsText(format))
            throw DialectValues.Invalid("'response_format' is not supported but for type 'text': constrained decoding is not computed here.");
        if (this["add_generation_prompt"] is { ValueKind: JsonValueKind.False })
            throw DialectValues.Invalid("'add_generation_prompt' is false; only true is supported.");
        if (Stream && PromptLogprobs is not null)
            throw DialectValues.Invalid("'prompt_logprobs' cannot be streamed.");
    }

    public bool Stream => Bool("stream") ?? false;

    /// <summary>Whether a stream ends with the counts of tokens.</summary>
    public bool IncludesUsage => AsksForUsage(this["stream_options"]);

    /// <summary>Whether token ids are reported.</summary>
    public bool ReturnsTokenIds => Bool("return_token_ids") == true || Bool("return_prompt_token_ids") == true;

    /// <summary>Whether tokens are spelled <c>token_id:N</c> in log-probabilities.</summary>
    public bool SpellsTokensAsIds => Bool("return_tokens_as_token_ids") ?? false;

    /// <summary>How many of the likeliest tokens are reported with each one of the prompt; null where its log-probabilities are not.</summary>
    public int? PromptLogprobs => Count("prompt_logprobs");

    /// <summary>Whether the text keeps what ended it.</summary>
    public bool KeepsStop => Bool("include_stop_str_in_output") ?? false;

    public ulong? Seed => this["seed"] is { } seed ? DialectValues.Seed("seed", seed) : null;

    public IReadOnlyList<string> Stop => this["stop"] is { } stop ? DialectValues.Texts("stop", stop) : [];

    public IReadOnlyList<int> StopTokenIds => this["stop_token_ids"] is { } ids ? DialectValues.Ints("stop_token_ids", ids) : [];

    /// <summary>Answers for each prompt.</summary>
    public int Choices
    {
        get
        {
            int count = Int("n") ?? 1;
            return Int("best_of") is { } best && best != count
                ? throw DialectValues.Invalid($"'best_of' is {best} and 'n' {count}; they must be equal, since answers are not ranked here.")
                : count;
        }
    }

    public SamplingParams Sampling => new(Float("temperature") ?? 1f, TopK, Float("top_p") ?? 1f, Float("min_p") ?? 0f)
    {
        FrequencyPenalty = Float("frequency_penalty") ?? 0f,
        PresencePenalty = Float("presence_penalty") ?? 0f,
        RepetitionPenalty = Float("repetition_penalty") ?? 1f,
        MinNewTokens = Int("min_tokens") ?? 0,
        LogitBias = this["logit_bias"] is { } bias ? Bias(bias) : null,
    };

    /// <summary>A number of tokens; null where it is not there.</summary>
    public int? Count(string name) => Int(name) is { } count
        ? count >= 0 ? count : throw DialectValues.Invalid($"'{name}' is {count}; it must be at least 0.")
        : null;

    /// <summary>Whether <c>stream_options</c> ask for the counts of tokens at the end.</summary>
    public static bool AsksForUsage(JsonElement? streamOptions) => streamOptions is { ValueKind: JsonValueKind.Object } options
        && options.TryGetProperty("include_usage", out JsonElement include) && include.ValueKind == JsonValueKind.True;

    /// <summary>-1 keeps all tokens there, 0 here.</summary>
    private int TopK => Int("top_k") is { } k and not -1 ? k : 0;

    private static bool IsText(JsonElement format) =>
        format.ValueKind == JsonValueKind.Object && format.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("text");

    private static Dictionary<int, float> Bias(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw DialectValues.Invalid("'logit_bias' must be an object of numbers by token id.");
        Dictionary<int, float> bias = [];
        foreach (JsonProperty entry in value.EnumerateObject())
        {
            if (!int.TryParse(entry.Name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int token))
                throw DialectValues.Invalid($"'logit_bias' has the key '{entry.Name}', which is no token id.");
            bias[token] = DialectValues.Float("logit_bias", entry.Value);
        }

        return bias;
    }
}
