using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>Asks <c>/generate</c> for the log-probabilities of a prompt, and for no token behind it.</summary>
internal static class SglangScoring
{
    public static async Task<TokenScores> ScoreAsync(ReadOnlyMemory<int> tokens, RemoteClient client, long weightVersion, CancellationToken cancellationToken)
    {
        JsonElement answer = await client.PostAsync("generate", json =>
        {
            json.WriteStartArray("input_ids");
            foreach (int token in tokens.Span)
                json.WriteNumberValue(token);
            json.WriteEndArray();
            json.WriteStartObject("sampling_params");
            json.WriteNumber("max_new_tokens", 0);
            json.WriteEndObject();
            json.WriteBoolean("return_logprob", true);
            json.WriteNumber("logprob_start_len", 0);
        }, cancellationToken);
        JsonElement meta = answer.Member("meta_info") ?? default;
        JsonElement[] triples = meta.List("input_token_logprobs") is { } list ? [.. list.EnumerateArray()] : [];
        if (!triples.Select(triple => triple[1].GetInt32()).SequenceEqual(tokens.ToArray()))
            throw new EngineException($"Engine '{client.Name}' was asked for the log-probabilities of {tokens.Length} tokens and told those of others.");
        long version = meta.Member(OwnFacts.Member)?.Long("weight_version") ?? meta.Version("weight_version") ?? weightVersion;
        return new TokenScores([.. triples.Skip(1).Select(triple => triple[0].Logprob())], version);
    }
}
