using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>What the model thinks of a token of the prompt, as vLLM reports it.</summary>
/// <param name="Logprob">In the raw distribution.</param>
/// <param name="Rank">1 for the likeliest; null where it is not among the reported ones.</param>
/// <param name="DecodedToken">Its text.</param>
internal sealed record PromptLogprob(float Logprob, int? Rank, string DecodedToken)
{
    /// <summary>What stands for no probability at all, which JSON has no number for.</summary>
    private const float Least = -9_999f;

    /// <summary>For each token of the prompt, by token id: the token itself, then the likeliest ones. The first has nothing before it, so it is null.</summary>
    public static IReadOnlyList<IReadOnlyDictionary<int, PromptLogprob>?> Of(DialectAnswer answer, int count, Tokenizer tokenizer) =>
        [null, .. (answer.Prompt ?? []).Select(token => Of(token, count, tokenizer))];

    /// <summary>The place of a token among the likeliest ones.</summary>
    public static int? RankOf(int token, ReadOnlySpan<TokenLogprob> top)
    {
        for (int i = 0; i < top.Length; i++)
        {
            if (top[i].Token == token)
                return i + 1;
        }

        return null;
    }

    public static float Bounded(float logprob) => Math.Max(logprob, Least);

    private static Dictionary<int, PromptLogprob> Of(ScoredToken token, int count, Tokenizer tokenizer)
    {
        ReadOnlySpan<TokenLogprob> top = token.Top.Span;
        Dictionary<int, PromptLogprob> known = new()
        {
            [token.Token] = new PromptLogprob(Bounded(token.Logprob), RankOf(token.Token, top), tokenizer.Decode([token.Token])),
        };
        for (int i = 0; i < Math.Min(count, top.Length); i++)
            known.TryAdd(top[i].Token, new PromptLogprob(Bounded(top[i].Logprob), i + 1, tokenizer.Decode([top[i].Token])));
        return known;
    }
}
