using System.Globalization;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Vllm;

/// <summary>Writes a request in one of the protocol's forms.</summary>
internal static class VllmRequest
{
    /// <summary>For <c>/inference/v1/generate</c>, in a form that servers of before and after its change understand.</summary>
    public static ReadOnlyMemory<byte> ToGenerate(GenerationRequest request, VllmServer server) => RemoteClient.Body(json =>
    {
        json.WriteString("request_id", NameOf(request));
        WriteTokens(json, "token_ids", request.Tokens.Span);
        json.WriteStartObject("sampling_params");
        WriteSampling(json, request, server);
        json.WriteNumber("logprobs", Math.Max(1, request.TopLogprobs));
        json.WriteEndObject();
        json.WriteString("model", server.Model);
        json.WriteBoolean("stream", true);
        json.WriteString("output_mode", "tokens");
        WriteOwn(json, request, server);
    });

    /// <summary>For <c>/v1/completions</c>.</summary>
    public static ReadOnlyMemory<byte> ToCompletion(GenerationRequest request, VllmServer server) => RemoteClient.Body(json =>
    {
        json.WriteString("model", server.Model);
        WriteTokens(json, "prompt", request.Tokens.Span);
        WriteSampling(json, request, server);
        json.WriteNumber("logprobs", Math.Max(1, request.TopLogprobs));
        json.WriteBoolean("stream", true);
        json.WriteBoolean("return_token_ids", true);
        json.WriteBoolean("return_tokens_as_token_ids", true);
        json.WriteBoolean("skip_special_tokens", false);
        WriteOwn(json, request, server);
    });

    /// <summary>Asks this project's server for what the protocol has no members for.</summary>
    public static void WriteDetails(Utf8JsonWriter json)
    {
        json.WriteStartObject(OwnFacts.Member);
        json.WriteBoolean("details", true);
        json.WriteEndObject();
    }

    private static string NameOf(GenerationRequest request) => $"{request.Id}.{Guid.NewGuid():N}";

    private static void WriteSampling(Utf8JsonWriter json, GenerationRequest request, VllmServer server)
    {
        SamplingParams sampling = request.Sampling;
        json.WriteNumber("max_tokens", request.MaxNewTokens);
        json.WriteNumber("temperature", sampling.Temperature);
        json.WriteNumber("top_p", sampling.TopP);
        json.WriteNumber("top_k", sampling.TopK == 0 ? -1 : sampling.TopK);
        json.WriteNumber("seed", SeedOf(request, server));
        if (sampling.MinP != 0)
            json.WriteNumber("min_p", sampling.MinP);
        if (sampling.RepetitionPenalty != 1)
            json.WriteNumber("repetition_penalty", sampling.RepetitionPenalty);
        if (sampling.FrequencyPenalty != 0)
            json.WriteNumber("frequency_penalty", sampling.FrequencyPenalty);
        if (sampling.PresencePenalty != 0)
            json.WriteNumber("presence_penalty", sampling.PresencePenalty);
        // Other servers do not know that this generation began elsewhere.
        int minimum = server.IsOwn ? sampling.MinNewTokens : Math.Max(0, sampling.MinNewTokens - request.SampledBefore);
        if (minimum > 0)
            json.WriteNumber("min_tokens", minimum);
        if (sampling.LogitBias is { Count: > 0 } bias)
            WriteBias(json, bias);
        // The server's own stop tokens would end it too; they are ignored where the request names all that may.
        json.WriteBoolean("ignore_eos", true);
        if (request.StopTokenIds.Count > 0)
        {
            json.WriteStartArray("stop_token_ids");
            foreach (int token in request.StopTokenIds)
                json.WriteNumberValue(token);
            json.WriteEndArray();
        }
    }

    /// <summary>
    /// vLLM draws from a generator that starts anew with each request, so that the turns of a trajectory would share their noise: its seed is made of
    /// the request's and of where it begins. This project's server gets the seed itself, whose noise is a function of the position too.
    /// </summary>
    private static long SeedOf(GenerationRequest request, VllmServer server)
    {
        if (server.IsOwn)
            return unchecked((long)request.Seed);
        ulong mixed = unchecked((request.Seed ^ (ulong)request.Tokens.Length) * 0x9E3779B97F4A7C15);
        return (long)((mixed ^ (mixed >> 32)) & long.MaxValue);
    }

    private static void WriteBias(Utf8JsonWriter json, IReadOnlyDictionary<int, float> bias)
    {
        json.WriteStartObject("logit_bias");
        foreach ((int token, float value) in bias)
            json.WriteNumber(token.ToString(CultureInfo.InvariantCulture), value);
        json.WriteEndObject();
    }

    /// <summary>Writes a list of token ids.</summary>
    public static void WriteTokens(Utf8JsonWriter json, string name, ReadOnlySpan<int> tokens)
    {
        json.WriteStartArray(name);
        foreach (int token in tokens)
            json.WriteNumberValue(token);
        json.WriteEndArray();
    }

    private static void WriteOwn(Utf8JsonWriter json, GenerationRequest request, VllmServer server)
    {
        if (!server.IsOwn)
            return;
        // Lower comes first there.
        if (request.Priority != 0)
            json.WriteNumber("priority", -request.Priority);
        json.WriteStartObject(OwnFacts.Member);
        json.WriteBoolean("details", true);
        if (request.CacheKey is { } cacheKey)
            json.WriteString("cache_key", cacheKey);
        if (request.GroupKey is { } groupKey)
            json.WriteString("group_key", groupKey);
        if (request.FairnessKey.Length > 0)
            json.WriteString("fairness_key", request.FairnessKey);
        if (request.SampledBefore > 0)
            json.WriteNumber("sampled_before", request.SampledBefore);
        if (request.OnInterrupt != InterruptPolicy.AutoResume)
            json.WriteString("on_interrupt", request.OnInterrupt == InterruptPolicy.Restart ? "restart" : "return_partial");
        json.WriteEndObject();
    }
}
