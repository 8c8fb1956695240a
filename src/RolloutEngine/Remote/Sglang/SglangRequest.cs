using System.Globalization;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>Writes a request as the body of <c>/generate</c>. Parameters at their defaults are left out, since earlier servers refuse names that they do not know.</summary>
internal static class SglangRequest
{
    /// <exception cref="EngineException">The server cannot honour it.</exception>
    public static RemoteCall Write(GenerationRequest request, SglangServer server, RemoteClient client, Func<long> weightVersion)
    {
        if (request.OnInterrupt == InterruptPolicy.Restart && !server.IsOwn)
            throw new EngineException($"Request '{request.Id}' wants to start again where it is interrupted, which engine '{client.Name}' cannot do.");
        // No such name begins with another: the server aborts all that begin with the one that it is given.
        string rid = $"{request.Id}.{Guid.NewGuid():N}";
        return new RemoteCall(
            "generate",
            RemoteClient.Body(json => WriteMembers(json, request, server, rid)),
            new SglangReader(request, server, client, weightVersion),
            new ChunkWriter(request, server.Logprobs, server.IsOwn ? [] : request.StopSequences),
            rid);
    }

    /// <summary>A list of numbers; a member where it has a name.</summary>
    public static void WriteIds(Utf8JsonWriter json, string? name, IEnumerable<int> ids)
    {
        if (name is null)
            json.WriteStartArray();
        else
            json.WriteStartArray(name);
        foreach (int id in ids)
            json.WriteNumberValue(id);
        json.WriteEndArray();
    }

    private static void WriteMembers(Utf8JsonWriter json, GenerationRequest request, SglangServer server, string rid)
    {
        json.WriteString("rid", rid);
        json.WriteStartArray("input_ids");
        foreach (int token in request.Tokens.Span)
            json.WriteNumberValue(token);
        json.WriteEndArray();
        json.WriteStartObject("sampling_params");
        WriteSampling(json, request, server);
        json.WriteEndObject();
        json.WriteBoolean("stream", true);
        json.WriteBoolean("return_logprob", true);
        if (request.TopLogprobs > 0)
            json.WriteNumber("top_logprobs_num", request.TopLogprobs);
        if (request.WatchedTokenIds.Count > 0)
            WriteIds(json, "token_ids_logprob", request.WatchedTokenIds);
        if (request.ReturnKeptTokens && (request.Sampling.TopK > 0 || request.Sampling.TopP < 1 || request.Sampling.MinP > 0))
            json.WriteBoolean("return_sampling_mask", true);
        if (server.IsOwn)
            WriteOwn(json, request);
    }

    private static void WriteSampling(Utf8JsonWriter json, GenerationRequest request, SglangServer server)
    {
        SamplingParams sampling = request.Sampling;
        json.WriteNumber("max_new_tokens", request.MaxNewTokens);
        json.WriteNumber("temperature", sampling.Temperature);
        json.WriteNumber("top_p", sampling.TopP);
        json.WriteNumber("top_k", sampling.TopK == 0 ? -1 : sampling.TopK);
        // The same 64 bits; tensors of seeds are signed.
        json.WriteNumber("sampling_seed", unchecked((long)request.Seed));
        if (sampling.MinP != 0)
            json.WriteNumber("min_p", sampling.MinP);
        if (sampling.RepetitionPenalty != 1)
            json.WriteNumber("repetition_penalty", sampling.RepetitionPenalty);
        if (sampling.FrequencyPenalty != 0)
            json.WriteNumber("frequency_penalty", sampling.FrequencyPenalty);
        if (sampling.PresencePenalty != 0)
            json.WriteNumber("presence_penalty", sampling.PresencePenalty);
        // Others count from the end of what they are sent, wherever that was sampled.
        if (sampling.MinNewTokens - (server.IsOwn ? 0 : request.SampledBefore) is > 0 and var least)
            json.WriteNumber("min_new_tokens", least);
        if (sampling.LogitBias is { Count: > 0 } bias)
            WriteBias(json, bias);
        // Without stop tokens nothing may end it but its length; the model's own would otherwise.
        if (request.StopTokenIds.Count == 0)
            json.WriteBoolean("ignore_eos", true);
        else
            WriteIds(json, "stop_token_ids", request.StopTokenIds);
        json.WriteBoolean("no_stop_trim", true);
        json.WriteBoolean("skip_special_tokens", false);
    }

    private static void WriteBias(Utf8JsonWriter json, IReadOnlyDictionary<int, float> bias)
    {
        json.WriteStartObject("logit_bias");
        foreach ((int token, float value) in bias)
            json.WriteNumber(token.ToString(CultureInfo.InvariantCulture), value);
        json.WriteEndObject();
    }

    private static void WriteOwn(Utf8JsonWriter json, GenerationRequest request)
    {
        if (request.Priority != 0)
            json.WriteNumber("priority", request.Priority);
        json.WriteStartObject(OwnFacts.Member);
        json.WriteBoolean("incremental", true);
        json.WriteBoolean("details", true);
        json.WriteBoolean("only_stop_token_ids", true);
        if (request.StopSequences.Count > 0)
        {
            json.WriteStartArray("stop_sequences");
            foreach (IReadOnlyList<int> sequence in request.StopSequences)
                WriteIds(json, null, sequence);
            json.WriteEndArray();
        }

        if (request.CacheKey is { } cacheKey)
            json.WriteString("cache_key", cacheKey);
        if (request.GroupKey is { } groupKey)
            json.WriteString("group_key", groupKey);
        if (request.SampledBefore > 0)
            json.WriteNumber("sampled_before", request.SampledBefore);
        if (request.FairnessKey.Length > 0)
            json.WriteString("fairness_key", request.FairnessKey);
        json.WriteString("on_interrupt", request.OnInterrupt switch
        {
            InterruptPolicy.ReturnPartial => "return_partial",
            InterruptPolicy.Restart => "restart",
            _ => "auto_resume",
        });
        json.WriteEndObject();
    }
}
