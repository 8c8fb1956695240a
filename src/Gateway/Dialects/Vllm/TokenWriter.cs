using System.Globalization;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.OpenAi;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects.Vllm;

/// <summary>Answers of one call of <c>/inference/v1/generate</c>, whole or piece by piece.</summary>
internal sealed class TokenWriter(TokenRequest request, ChatPlan plan, string model, Tokenizer tokenizer, long created)
{
    private readonly int[] _reported = new int[plan.Answers.Count]; // tokens of each choice that pieces have had
    private int[]? _prompt = request.ReturnsPrompt ? plan.Prompt.ToArray() : null;

    /// <summary>All answers at once.</summary>
    public TokenAnswer Whole(IReadOnlyList<ChatChoice> choices) => new(
        request.Id,
        model,
        created,
        [.. choices.Select(choice => Write(choice, from: 0))],
        UsageOf(choices),
        request.PromptLogprobs is { } count ? PromptLogprob.Of(choices[0].Answer, count, tokenizer) : null)
    {
        PromptTokenIds = _prompt,
    };

    /// <summary>What a choice has grown by; null where that is nothing.</summary>
    public TokenPiece? Piece(ChatChoice choice)
    {
        int from = _reported[choice.Index];
        if (from == choice.Answer.Tokens.Count && choice.Answer.Finish is null)
            return null;
        _reported[choice.Index] = choice.Answer.Tokens.Count;
        TokenPiece piece = new(request.Id, model, created, [Write(choice, from)]) { PromptTokenIds = _prompt };
        _prompt = null;
        return piece;
    }

    /// <summary>The last piece of a stream that is to end with the counts.</summary>
    public TokenPiece Counts(IReadOnlyList<ChatChoice> choices) => new(request.Id, model, created, []) { Usage = UsageOf(choices) };

    private TokenChoice Write(ChatChoice choice, int from)
    {
        DialectAnswer answer = choice.Answer;
        SampledLogprob[]? items = request.Logprobs is { } count
            ? [.. Enumerable.Range(from, answer.Tokens.Count - from).Select(place => ItemOf(answer, place, count))]
            : null;
        return new TokenChoice(choice.Index, [.. answer.Tokens.Skip(from)], items is null ? null : new TokenLogprobs(items), FinishReasonOf(answer))
        {
            Agentrollout = request.ReturnsDetails ? DetailsOf(answer, from) : null,
            WeightVersions = answer.Finish is null ? null : [.. answer.Versions.Select(span => new WeightSpan(span.Label, span.Start, span.End))],
        };
    }

    private static TokenDetails DetailsOf(DialectAnswer answer, int from) => new(
        answer.WeightVersion,
        [.. answer.RawLogprobs.Skip(from).Select(Told)],
        answer.Call.Sampling.IsRaw ? null : [.. answer.SamplingLogprobs.Skip(from).Select(Told)],
        answer.EngineFinish?.ToString().ToLowerInvariant());

    private static float? Told(float logprob) => float.IsFinite(logprob) ? logprob : null;

    private static string? FinishReasonOf(DialectAnswer answer) => answer.Finish?.Kind switch
    {
        null => null,
        FinishKind.Length => "length",
        FinishKind.Abort => "abort",
        _ => "stop",
    };

    private Usage UsageOf(IReadOnlyList<ChatChoice> choices) => new(plan.Prompt.Length, choices.Sum(choice => choice.Answer.Tokens.Count))
    {
        PromptTokensDetails = choices[0].Answer.CachedTokens is { } cached ? new PromptTokensDetails(cached) : null,
    };

    private static SampledLogprob ItemOf(DialectAnswer answer, int place, int count)
    {
        ReadOnlySpan<TokenLogprob> top = answer.Top.Count == 0 ? [] : answer.Top[place].Span;
        (int token, float logprob) = (answer.Tokens[place], answer.ReportedLogprobs()[place]);
        int? rank = PromptLogprob.RankOf(token, top);
        List<RankedLogprob> items = [new(Spell(token), token, logprob, rank)];
        for (int i = 0; i < Math.Min(count, top.Length); i++)
        {
            if (top[i].Token != token)
                items.Add(new RankedLogprob(Spell(top[i].Token), top[i].Token, PromptLogprob.Bounded(top[i].Logprob), i + 1));
        }

        return new SampledLogprob(Spell(token), token, PromptLogprob.Bounded(logprob), rank, items);
    }

    private static string Spell(int token) => string.Create(CultureInfo.InvariantCulture, $"token_id:{token}");
}
