using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Sglang;

/// <summary>
/// Reads the answer of <c>/generate</c>. Tokens and log-probabilities come from the triples of <c>output_token_logprobs</c>, the one list that every
/// version has for every token. Whether a piece holds all so far or what is new is told by its lengths, for each of its lists.
/// </summary>
internal sealed class SglangReader(GenerationRequest request, SglangServer server, RemoteClient client, Func<long> weightVersion) : IRemoteReader
{
    private int _received;

    public RemotePiece Read(JsonElement piece)
    {
        if (piece.Member("error") is { } error)
            throw client.Refused(error.Integer("code") ?? piece.Integer("code") ?? 400, $"failed in the middle of request '{request.Id}': {RemoteAnswer.MessageOf(piece)?.TrimEnd('.')}");
        JsonElement meta = piece.Member("meta_info") ?? throw Wrong("has no 'meta_info'");
        JsonElement[] triples = meta.List("output_token_logprobs") is { } list ? [.. list.EnumerateArray()] : [];
        int total = meta.Integer("completion_tokens") ?? meta.Integer("output_token_logprobs_length")
            ?? (server.IsIncremental ? _received + triples.Length : triples.Length);
        JsonElement? own = meta.Member(OwnFacts.Member);
        (FinishReason? finish, EngineException? failure) = ReadFinish(meta, own);
        if (failure is not null && triples.Length != total && triples.Length != total - _received)
            total = _received;
        JsonElement[] added = New(triples, total, "output_token_logprobs");
        RemotePiece result = new()
        {
            Tokens = [.. added.Select(triple => triple[1].GetInt32())],
            Logprobs = [.. added.Select(triple => triple[0].SampledLogprob())],
            RawLogprobs = Floats(own, "raw_logprobs", total),
            SamplingLogprobs = Floats(own, "sampling_logprobs", total) ?? Floats(meta, "output_token_sampling_logprobs", total),
            Top = Places(meta, "output_top_logprobs", total, request.TopLogprobs, entry => new TokenLogprob(entry[1].GetInt32(), entry[0].Logprob())),
            Watched = Places(meta, "output_token_ids_logprobs", total, request.WatchedTokenIds.Count, entry => entry[0].Logprob()),
            Kept = Kept(meta, total),
            Versions = ReadVersions(meta, own),
            Finish = finish,
            Failure = failure,
            CachedTokens = meta.Integer("cached_tokens"),
            Timings = own is { } details ? ReadTimings(details) : null,
        };
        _received = total;
        return result;
    }

    private (FinishReason? Finish, EngineException? Failure) ReadFinish(JsonElement meta, JsonElement? own)
    {
        if (meta.Member("finish_reason") is not { } finish)
            return (null, null);
        switch (finish.Text("type"))
        {
            case "stop":
                return (FinishReason.Stop, null);
            case "length":
                return (FinishReason.Length, null);
            case "abort" when own?.Text("finish") == "deadline":
                return (FinishReason.Deadline, null);
            case "abort" when finish.Integer("status_code") is { } status:
                return (null, client.Refused(status, $"refuses request '{request.Id}' with status {status}: {Reason(finish)}"));
            // Somebody wanted the engine for something else, which is what the policy is about.
            case "abort":
                return request.OnInterrupt == InterruptPolicy.ReturnPartial
                    ? (FinishReason.Interrupted, null)
                    : (null, client.Lost($"aborted request '{request.Id}': {Reason(finish)}"));
            default:
                throw Wrong($"has the finish reason {finish.GetRawText()}");
        }

        static string Reason(JsonElement finish) => (finish.Text("message") ?? "it gives no reason").TrimEnd('.');
    }

    /// <summary>Spans count from the first sampled token; they tell nothing of tokens that came before this piece.</summary>
    private List<VersionRun> ReadVersions(JsonElement meta, JsonElement? own)
    {
        if (own?.Long("weight_version") is { } number)
            return [new VersionRun(0, number)];
        List<VersionRun> runs = [];
        foreach (JsonElement span in meta.List("weight_versions")?.EnumerateArray() ?? default)
        {
            int start = (span.Integer("start") ?? 0) - _received, end = (span.Integer("end") ?? int.MaxValue) - _received;
            if (end > 0 && span.Version("version") is { } version)
                runs.Add(new VersionRun(runs.Count == 0 ? 0 : start, version));
        }

        return runs is [] ? [new VersionRun(0, meta.Version("weight_version") ?? weightVersion())] : runs;
    }

    private static GenerationTimings? ReadTimings(JsonElement own) =>
        own.Number("queue_seconds") is { } queue && own.Number("prefill_seconds") is { } prefill && own.Number("decode_seconds") is { } decode
            ? new GenerationTimings(TimeSpan.FromSeconds(queue), TimeSpan.FromSeconds(prefill), TimeSpan.FromSeconds(decode))
            : null;

    /// <summary>The entries that were not there before.</summary>
    private JsonElement[] New(JsonElement[] entries, int total, string name) =>
        entries.Length == total ? entries[_received..]
        : entries.Length == total - _received ? entries
        : throw Wrong($"has {entries.Length} entries of '{name}' for {total} tokens, {_received} of which came before");

    private float[]? Floats(JsonElement? json, string name, int total) =>
        json?.List(name) is { } list ? [.. New([.. list.EnumerateArray()], total, name).Select(value => value.SampledLogprob())] : null;

    /// <summary>For each token as many entries as were asked for; null where some are missing.</summary>
    private T[][]? Places<T>(JsonElement meta, string name, int total, int count, Func<JsonElement, T> read)
    {
        if (count == 0 || meta.List(name) is not { } list)
            return null;
        JsonElement[] places = New([.. list.EnumerateArray()], total, name);
        return places.All(place => place.ValueKind == JsonValueKind.Array && place.GetArrayLength() == count)
            ? [.. places.Select(place => place.EnumerateArray().Select(read).ToArray())]
            : null;
    }

    private int[][]? Kept(JsonElement meta, int total) =>
        request.ReturnKeptTokens && meta.List("output_token_sampling_mask") is { } list
            ? [.. New([.. list.EnumerateArray()], total, "output_token_sampling_mask").Select(place => place.EnumerateArray().Select(id => id.GetInt32()).ToArray())]
            : null;

    private EngineException Wrong(string problem) => new($"Engine '{client.Name}' sent a piece of request '{request.Id}' that {problem}; it does not speak SGLang's protocol as this client knows it.");
}
