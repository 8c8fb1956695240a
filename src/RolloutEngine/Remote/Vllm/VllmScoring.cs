using System.Globalization;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Vllm;

/// <summary>Asks for the log-probabilities of a prompt by <c>prompt_logprobs</c>, and for the one token behind it that the protocol cannot do without.</summary>
internal static class VllmScoring
{
    /// <param name="tokens">What is scored.</param>
    /// <param name="path"><c>inference/v1/generate</c> or <c>v1/completions</c>.</param>
    /// <param name="client">The server.</param>
    /// <param name="server">What is known of it.</param>
    /// <param name="weightVersion">The version where it tells none.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async Task<TokenScores> ScoreAsync(
        ReadOnlyMemory<int> tokens, string path, RemoteClient client, VllmServer server, long weightVersion, CancellationToken cancellationToken)
    {
        bool isGenerate = path == VllmEngine.GeneratePath;
        JsonElement answer = await client.PostAsync(path, json =>
        {
            json.WriteString("model", server.Model);
            VllmRequest.WriteTokens(json, isGenerate ? "token_ids" : "prompt", tokens.Span);
            if (isGenerate)
                json.WriteStartObject("sampling_params");
            json.WriteNumber("max_tokens", 1);
            json.WriteNumber("prompt_logprobs", 0);
            if (isGenerate)
                json.WriteEndObject();
            if (server.IsOwn)
                VllmRequest.WriteDetails(json);
        }, cancellationToken);
        JsonElement choice = answer.List("choices") is { } choices && choices.GetArrayLength() > 0 ? choices[0] : default;
        JsonElement[] places = (choice.List("prompt_logprobs") ?? answer.List("prompt_logprobs")) is { } list ? [.. list.EnumerateArray()] : [];
        if (places.Length != tokens.Length)
            throw new EngineException($"Engine '{client.Name}' was asked for the log-probabilities of {tokens.Length} tokens and told {places.Length}.");
        return new TokenScores(
            [.. places.Skip(1).Select((place, i) => LogprobOf(place, tokens.Span[i + 1], client.Name))],
            choice.Member(OwnFacts.Member)?.Long("weight_version") ?? weightVersion);
    }

    /// <summary>A place has the token itself and the likeliest ones, by id.</summary>
    private static float LogprobOf(JsonElement place, int token, string engine) =>
        place.Member(token.ToString(CultureInfo.InvariantCulture))?.Member("logprob") is { } logprob
            ? logprob.Logprob()
            : throw new EngineException($"Engine '{engine}' was asked for the log-probability of token {token} and told those of others.");
}
