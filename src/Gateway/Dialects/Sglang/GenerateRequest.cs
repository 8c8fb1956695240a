using System.Security.Cryptography;
using System.Text.Json;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>What <c>/generate</c> was asked: one call for each answer, and how the answers are written.</summary>
internal sealed record GenerateRequest
{
    /// <summary>Most answers of one request.</summary>
    public const int MaxCalls = 4_096;

    /// <summary>Members whose values would change results, or add to them what is not computed here.</summary>
    private static readonly Dictionary<string, string> _refused = new()
    {
        ["input_embeds"] = "prompts are tokens or text",
        ["image_data"] = "the model reads text only",
        ["video_data"] = "the model reads text only",
        ["audio_data"] = "the model reads text only",
        ["lora_path"] = "the engine serves one model without adapters",
        ["session_params"] = "send all tokens so far; what was computed for them is found in the cache",
        ["custom_logit_processor"] = "it is a Python pickle",
        ["return_hidden_states"] = "hidden states are not reported",
        ["return_routed_experts"] = "the model has no experts",
        ["return_entropy"] = "entropies are not reported",
        ["max_thinking_tokens"] = "thinking is not bounded apart from 'max_new_tokens'",
        ["positional_embed_overrides"] = "prompts are tokens or text",
    };

    private GenerateRequest(GenerateBody body) => Body = body;

    public GenerateBody Body { get; }

    public required IReadOnlyList<DialectCall> Calls { get; init; }

    /// <summary>Whether answers are a list, even where there is one.</summary>
    public required bool IsList { get; init; }

    /// <summary>For each call, whether log-probabilities are reported.</summary>
    public required IReadOnlyList<bool> ReturnsLogprobs { get; init; }

    /// <summary>Reads a body. Members that are not known are ignored, as there.</summary>
    /// <param name="body">What was sent.</param>
    /// <param name="tokenizer">For prompts of text, and the model's end token.</param>
    /// <param name="model">What the engine serves.</param>
    /// <exception cref="InvalidInputException">Something is wrong, or cannot be honoured.</exception>
    public static GenerateRequest Read(GenerateBody body, Tokenizer tokenizer, EngineModel model)
    {
        foreach ((string name, JsonElement value) in body.Others ?? [])
        {
            if (_refused.TryGetValue(name, out string? reason) && DialectValues.IsSet(value))
                throw DialectValues.Invalid($"'{name}' is not supported: {reason}.");
        }

        (IReadOnlyList<int[]> prompts, bool isBatch) = Prompts(body, tokenizer);
        Batch batch = new(prompts.Count, isBatch);
        List<DialectCall> calls = [];
        List<bool> returns = [];
        string id = Guid.CreateVersion7().ToString("N");
        SglangSampling[] samplings = [.. prompts.Select((_, i) => SglangSampling.Read(batch.At("sampling_params", body.SamplingParams, i)))];
        foreach (SglangSampling other in samplings)
        {
            if (other.Count != samplings[0].Count || other.Count < 1 || (long)other.Count * prompts.Count > MaxCalls)
                throw DialectValues.Invalid($"'n' is {other.Count} with {prompts.Count} prompts; it must be at least 1, the same for all, and give at most {MaxCalls} answers.");
        }

        int count = samplings.Length == 0 ? 1 : samplings[0].Count;
        for (int i = 0; i < prompts.Count; i++)
        {
            Options options = Options.Read(body, batch, i);
            string rid = options.Id ?? (isBatch && DialectValues.IsSet(body.Rid) ? $"{DialectValues.Text("rid", body.Rid!.Value)}_{i}" : isBatch ? $"{id}_{i}" : id);
            DialectCall call = options.ToCall(body, rid, prompts[i], samplings[i], tokenizer, model);
            for (int sample = 0; sample < count; sample++)
            {
                calls.Add(count == 1 ? call : call with { Id = $"{rid}_{sample}", Seed = unchecked(call.Seed + (ulong)sample), GroupKey = rid });
                returns.Add(options.ReturnsLogprob);
            }
        }

        return new GenerateRequest(body) { Calls = calls, IsList = isBatch || count > 1, ReturnsLogprobs = returns };
    }

    private static (IReadOnlyList<int[]> Prompts, bool IsBatch) Prompts(GenerateBody body, Tokenizer tokenizer)
    {
        bool hasText = body.Text is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) };
        if (hasText == body.InputIds is not null)
            throw DialectValues.Invalid(hasText ? "'text' and 'input_ids' cannot be given at the same time." : "Either 'text' or 'input_ids' must be given.");
        if (body.InputIds is { } ids)
            return ids.Lists.Count <= MaxCalls ? (ids.Lists, ids.IsBatch) : throw DialectValues.Invalid($"'input_ids' has {ids.Lists.Count} prompts; at most {MaxCalls} can be given.");
        JsonElement text = body.Text!.Value;
        IReadOnlyList<string> texts = DialectValues.Texts("text", text);
        if (texts.Count > MaxCalls)
            throw DialectValues.Invalid($"'text' has {texts.Count} prompts; at most {MaxCalls} can be given.");
        try
        {
            return ([.. texts.Select(prompt => tokenizer.EncodeWithSpecialTokens(prompt))], text.ValueKind == JsonValueKind.Array);
        }
        catch (TokenizerException exception)
        {
            throw DialectValues.Invalid(exception.Message);
        }
    }

    /// <summary>One value for all prompts, or one for each.</summary>
    /// <param name="Count">Prompts.</param>
    /// <param name="IsBatch">Whether they came as a list.</param>
    private readonly record struct Batch(int Count, bool IsBatch)
    {
        public JsonElement? At(string name, JsonElement? element, int index)
        {
            if (element is not { ValueKind: JsonValueKind.Array } list)
                return element;
            if (!IsBatch || list.GetArrayLength() != Count)
                throw DialectValues.Invalid($"'{name}' has {list.GetArrayLength()} entries for {(IsBatch ? $"{Count} prompts" : "one prompt")}.");
            return list[index];
        }
    }

    /// <summary>What is said beside the sampling parameters, for one prompt.</summary>
    private sealed record Options(string? Id, bool ReturnsLogprob, int LogprobStart, int Top, IReadOnlyList<int> Watched)
    {
        public static Options Read(GenerateBody body, Batch batch, int i)
        {
            JsonElement? rid = body.Rid is { ValueKind: JsonValueKind.String } && batch.IsBatch ? null : batch.At("rid", body.Rid, i);
            JsonElement? returns = batch.At("return_logprob", body.ReturnLogprob, i), start = batch.At("logprob_start_len", body.LogprobStartLen, i);
            JsonElement? top = batch.At("top_logprobs_num", body.TopLogprobsNum, i), watched = body.TokenIdsLogprob;
            if (watched is { ValueKind: JsonValueKind.Array } lists && lists.GetArrayLength() > 0 && lists[0].ValueKind is JsonValueKind.Array or JsonValueKind.Null)
                watched = batch.At("token_ids_logprob", watched, i);
            return new Options(
                IsNull(rid) ? null : DialectValues.Text("rid", rid!.Value),
                !IsNull(returns) && DialectValues.Bool("return_logprob", returns!.Value),
                IsNull(start) ? -1 : DialectValues.Int("logprob_start_len", start!.Value),
                IsNull(top) ? 0 : DialectValues.Int("top_logprobs_num", top!.Value),
                IsNull(watched) ? [] : DialectValues.Ints("token_ids_logprob", watched!.Value));
        }

        public DialectCall ToCall(GenerateBody body, string id, int[] tokens, SglangSampling sampling, Tokenizer tokenizer, EngineModel model)
        {
            int start = LogprobStart < 0 ? Math.Max(0, tokens.Length - 1) : LogprobStart;
            if (ReturnsLogprob && start >= tokens.Length)
                throw DialectValues.Invalid($"'logprob_start_len' is {LogprobStart}; the prompt has {tokens.Length} tokens.");
            DialectCall call = new()
            {
                Id = id,
                Tokens = tokens,
                MaxNewTokens = sampling.MaxNewTokens ?? Math.Max(1, model.ContextLength - tokens.Length),
                Sampling = sampling.Params,
                Seed = sampling.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
                StopTokenIds = StopTokens(body, sampling, tokenizer, model),
                StopSequences = body.Agentrollout?.StopSequences ?? [],
                StopTexts = sampling.Stop,
                KeepsStop = sampling.NoStopTrim,
                SkipsSpecialTokens = sampling.SkipSpecialTokens,
                Distribution = ReportedDistribution.Unfiltered,
                TopLogprobs = ReturnsLogprob ? Top : 0,
                WatchedTokenIds = ReturnsLogprob ? Watched : [],
                PromptLogprobsFrom = ReturnsLogprob ? start : null,
                ReturnsKeptTokens = body.ReturnSamplingMask == true,
                Priority = Math.Clamp(body.Priority ?? 0, -GenerationRequest.MaxPriority, GenerationRequest.MaxPriority),
                SampledBefore = body.Agentrollout?.SampledBefore ?? 0,
                CacheKey = body.Agentrollout?.CacheKey,
                GroupKey = body.Agentrollout?.GroupKey,
                FairnessKey = body.Agentrollout?.FairnessKey ?? "",
                OnInterrupt = DialectValues.Interrupt("on_interrupt", body.Agentrollout?.OnInterrupt),
            };
            return call.ReturnsKeptTokens && !call.IsFiltered
                ? throw DialectValues.Invalid("'return_sampling_mask' needs top_k, top_p or min_p; without one every token can be drawn.")
                : call;
        }

        /// <summary>As there, <c>ignore_eos</c> lets no token end the answer, those of <c>stop_token_ids</c> included.</summary>
        private static IReadOnlyList<int> StopTokens(GenerateBody body, SglangSampling sampling, Tokenizer tokenizer, EngineModel model)
        {
            if (sampling.IgnoreEos)
                return [];
            if (body.Agentrollout?.OnlyStopTokenIds == true)
                return sampling.StopTokenIds;
            IEnumerable<int> end = tokenizer.EosToken is { } eos && tokenizer.TryGetId(eos, out int id) ? [id] : [];
            return [.. sampling.StopTokenIds.Concat(model.StopTokenIds).Concat(end).Distinct()];
        }

        private static bool IsNull(JsonElement? element) => element is null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined };
    }
}
