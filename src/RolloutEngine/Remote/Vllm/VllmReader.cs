using System.Globalization;
using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote.Vllm;

/// <summary>
/// Reads answers of <c>/inference/v1/generate</c>, in its older and newer form, and of <c>/v1/completions</c>. A piece holds what is new.
/// </summary>
internal sealed class VllmReader(GenerationRequest request, RemoteClient client, Func<long> weightVersion) : IRemoteReader
{
    private const string IdPrefix = "token_id:";

    private int _received;

    public RemotePiece Read(JsonElement piece)
    {
        if (piece.Member("error") is { } error)
            throw client.Refused(error.Integer("code") ?? piece.Integer("code") ?? 400, $"failed in the middle of request '{request.Id}': {RemoteAnswer.MessageOf(piece)?.TrimEnd('.')}");
        if (piece.List("choices") is not { } choices)
            throw Wrong("has no 'choices'");
        if (choices.GetArrayLength() == 0)
            return new RemotePiece { Versions = [new VersionRun(0, weightVersion())] };
        JsonElement choice = choices[0];
        JsonElement? logprobs = choice.Member("logprobs");
        Place[] places = logprobs?.List("content") is { } content ? [.. content.EnumerateArray().Select(ReadPlace)]
            : logprobs is { } lists ? ReadLists(lists)
            : [];
        int[] tokens = choice.List("token_ids") is { } ids ? [.. ids.EnumerateArray().Select(id => id.GetInt32())] : [.. places.Select(place => place.Token)];
        if (places.Length != tokens.Length)
            throw Wrong($"has {places.Length} log-probabilities for {tokens.Length} tokens");
        JsonElement? own = choice.Member(OwnFacts.Member) ?? piece.Member(OwnFacts.Member);
        (FinishReason? finish, EngineException? failure) = ReadFinish(choice, own);
        RemotePiece result = new()
        {
            Tokens = tokens,
            Logprobs = [.. places.Select(place => place.Logprob)],
            RawLogprobs = Floats(own, "raw_logprobs", tokens.Length),
            SamplingLogprobs = Floats(own, "sampling_logprobs", tokens.Length),
            Top = TopOf(places),
            Versions = ReadVersions(choice, piece, own),
            Finish = finish,
            Failure = failure,
            CachedTokens = (piece.Member("usage") ?? default).Member("prompt_tokens_details")?.Integer("cached_tokens"),
        };
        _received += tokens.Length;
        return result;
    }

    private (FinishReason? Finish, EngineException? Failure) ReadFinish(JsonElement choice, JsonElement? own) => choice.Text("finish_reason") switch
    {
        null => (null, null),
        "stop" => (FinishReason.Stop, null),
        "length" => (FinishReason.Length, null),
        "abort" when own?.Text("finish") == "deadline" => (FinishReason.Deadline, null),
        "abort" when request.OnInterrupt == InterruptPolicy.ReturnPartial => (FinishReason.Interrupted, null),
        "abort" => (null, client.Lost($"aborted request '{request.Id}'")),
        "error" => (null, client.Lost($"failed in the middle of request '{request.Id}'")),
        var other => throw Wrong($"has the finish reason '{other}'"),
    };

    /// <summary>Newer servers tell spans, counted from the first sampled token, or a version; others none, so that the one known here counts.</summary>
    private List<VersionRun> ReadVersions(JsonElement choice, JsonElement piece, JsonElement? own)
    {
        if (own?.Long("weight_version") is { } number)
            return [new VersionRun(0, number)];
        List<VersionRun> runs = [];
        foreach (JsonElement span in choice.List("weight_versions")?.EnumerateArray() ?? default)
        {
            int start = (span.Integer("start") ?? 0) - _received, end = (span.Integer("end") ?? int.MaxValue) - _received;
            if (end > 0 && span.Version("version") is { } version)
                runs.Add(new VersionRun(runs.Count == 0 ? 0 : start, version));
        }

        return runs is [] ? [new VersionRun(0, choice.Version("weight_version") ?? piece.Version("weight_version") ?? weightVersion())] : runs;
    }

    /// <summary>The sampled token may come first among the likeliest, whether or not it is one of them.</summary>
    private TokenLogprob[][]? TopOf(Place[] places)
    {
        int count = request.TopLogprobs;
        if (count == 0)
            return null;
        TokenLogprob[][] top = [.. places.Select(place => place.Top.OrderByDescending(entry => entry.Logprob).ThenBy(entry => entry.Token).Take(count).ToArray())];
        return top.All(entries => entries.Length == count) ? top : null;
    }

    private Place ReadPlace(JsonElement entry) => new(
        IdOf(entry),
        entry.Member("logprob")?.SampledLogprob() ?? float.NaN,
        entry.List("top_logprobs") is { } top ? [.. top.EnumerateArray().Select(other => new TokenLogprob(IdOf(other), other.Member("logprob")?.Logprob() ?? float.NegativeInfinity))] : []);

    /// <summary>The form of <c>/v1/completions</c>: lists beside each other.</summary>
    private Place[] ReadLists(JsonElement logprobs)
    {
        JsonElement[] tokens = logprobs.List("tokens") is { } names ? [.. names.EnumerateArray()] : [];
        JsonElement[] values = logprobs.List("token_logprobs") is { } list ? [.. list.EnumerateArray()] : [];
        JsonElement[] top = logprobs.List("top_logprobs") is { } maps ? [.. maps.EnumerateArray()] : [];
        if (tokens.Length != values.Length)
            throw Wrong($"has {values.Length} log-probabilities for {tokens.Length} tokens");
        return [.. tokens.Select((token, i) => new Place(
            IdOf(token.GetString()),
            values[i].SampledLogprob(),
            i < top.Length && top[i].ValueKind == JsonValueKind.Object
                ? [.. top[i].EnumerateObject().Select(entry => new TokenLogprob(IdOf(entry.Name), entry.Value.Logprob()))]
                : []))];
    }

    private int IdOf(JsonElement entry) => entry.Integer("token_id") ?? IdOf(entry.Text("token"));

    private int IdOf(string? token) =>
        token is not null && token.StartsWith(IdPrefix, StringComparison.Ordinal)
            && int.TryParse(token.AsSpan(IdPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw Wrong($"names the token '{token}', which is no id");

    private float[]? Floats(JsonElement? own, string name, int count) => own?.List(name) is not { } list ? null
        : list.GetArrayLength() == count ? [.. list.EnumerateArray().Select(value => value.SampledLogprob())]
        : throw Wrong($"has {list.GetArrayLength()} entries of '{name}' for {count} tokens");

    private EngineException Wrong(string problem) => new($"Engine '{client.Name}' sent a piece of request '{request.Id}' that {problem}; it does not speak vLLM's protocol as this client knows it.");

    /// <summary>One sampled token.</summary>
    private sealed record Place(int Token, float Logprob, IReadOnlyList<TokenLogprob> Top);
}
