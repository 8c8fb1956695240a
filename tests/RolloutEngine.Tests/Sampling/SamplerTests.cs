using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Sampling;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Sampling;

public sealed unsafe class SamplerTests
{
    private static readonly SamplingParams[] Params =
    [
        new(), new(Temperature: 0.6f), new(Temperature: 1.7f), new(TopK: 3), new(TopP: 0.7f), new(MinP: 0.3f),
        new(Temperature: 0.8f, TopK: 9, TopP: 0.9f, MinP: 0.05f), new(Temperature: 1.3f, TopK: 12, TopP: 0.55f), new(TopK: 1), new(TopP: 1e-6f),
        new(TopK: 100), new(Temperature: 5, TopP: 0.99f), new(TopP: 0.9999f, MinP: 1e-4f),
        new() { RepetitionPenalty = 1.5f }, new(Temperature: 0.7f) { FrequencyPenalty = 0.5f, PresencePenalty = 0.2f },
        new(TopK: 6) { LogitBias = new Dictionary<int, float> { [1] = 4, [0] = -100 } }, new(TopP: 0.8f) { MinNewTokens = 9, RepetitionPenalty = 0.8f },
    ];

    /// <summary>Generation began behind the third token; the last is a stop token.</summary>
    private static readonly int[] History = [1, 7, 1, 3, 7, 3, 3];

    [Fact]
    public void Tokens_are_drawn_with_the_probabilities_that_the_parameters_imply()
    {
        foreach (SamplingParams sampling in Params)
        {
            float[] logits = RandomLogits(20, seed: 1);
            double[] probabilities = Oracle(logits, sampling);
            int[] counts = new int[20];
            foreach (SampledToken sample in Draw(logits, sampling, draws: 20_000))
                counts[sample.Token]++;

            Assert.All(counts.Zip(probabilities), pair => Assert.True(pair.Second > 0 || pair.First == 0));
            Assert.InRange(ChiSquare.Of(counts, probabilities), 0, ChiSquare.Limit(Math.Max(1, probabilities.Count(p => p > 0) - 1)));
        }
    }

    [Fact]
    public void Both_log_probabilities_are_those_of_a_sort_in_double_precision()
    {
        foreach (int vocabulary in (int[])[2, 17, 300, 5000])
        {
            foreach (SamplingParams sampling in Params)
            {
                float[] logits = RandomLogits(vocabulary, seed: vocabulary);
                double[] raw = Oracle(logits, new SamplingParams()), filtered = Oracle(logits, sampling);
                for (int token = 0; token < Math.Min(vocabulary, 40); token++)
                {
                    SampledToken scored = Score(logits, sampling, token);
                    Assert.Equal(Math.Log(raw[token]), scored.Logprob, 4e-6 * Math.Max(1, -Math.Log(raw[token])));
                    if (filtered[token] == 0)
                        Assert.Equal(float.NegativeInfinity, scored.SamplingLogprob);
                    else
                        Assert.Equal(Math.Log(filtered[token]), scored.SamplingLogprob, 1e-5 * Math.Max(1, -Math.Log(filtered[token])));
                }
            }
        }
    }

    [Fact]
    public void A_forced_token_scores_the_same_bits_as_when_it_was_drawn()
    {
        float[] logits = RandomLogits(700, seed: 5);
        foreach (SamplingParams sampling in Params)
            Assert.All(Draw(logits, sampling, draws: 50), sample => Assert.Equal(sample, Score(logits, sampling, sample.Token)));
    }

    [Fact]
    public void Temperature_zero_takes_the_lowest_of_the_most_likely()
    {
        SampledToken sample = Draw([1, 5, 2, 5, 5], new SamplingParams(Temperature: 0), draws: 1)[0];
        Assert.Equal((1, 0f), (sample.Token, sample.SamplingLogprob));
        Assert.Equal(float.NegativeInfinity, Score([1, 5, 2, 5, 5], new SamplingParams(Temperature: 0), token: 3).SamplingLogprob);
    }

    [Fact]
    public void Of_equally_likely_tokens_the_filters_keep_the_lowest_ids()
    {
        float[] logits = new float[100];
        Assert.Equal([0, 1, 2], Support(logits, new SamplingParams(TopK: 3)));
        Assert.Equal([0, 1, 2, 3, 4], Support(logits, new SamplingParams(TopP: 0.045f)));
        Assert.Equal([0, 1], Support(logits, new SamplingParams(TopK: 4, TopP: 0.5f)));
    }

    [Fact]
    public void The_filters_work_one_after_the_other_on_what_is_left()
    {
        // The top 3 of 8, 4, 2, 1, 1 sum to 14: 0.57 · 14 < 8 keeps one token and 0.6 · 14 > 8 two. All sum to 16, and 0.57 · 16 > 8 keeps two.
        float[] logits = [.. ((double[])[8, 4, 2, 1, 1]).Select(weight => (float)Math.Log(weight))];
        Assert.Equal([0, 1], Support(logits, new SamplingParams(TopK: 3, TopP: 0.6f)));
        Assert.Equal([0], Support(logits, new SamplingParams(TopK: 3, TopP: 0.57f)));
        Assert.Equal([0, 1], Support(logits, new SamplingParams(TopP: 0.57f)));
        Assert.Equal([0, 1, 2], Support(logits, new SamplingParams(MinP: 0.2f)));
    }

    [Fact]
    public void Every_width_draws_the_same_tokens_with_the_same_bits()
    {
        float[] logits = RandomLogits(1003, seed: 9);
        foreach (SamplingParams sampling in Params)
        {
            SampledToken[] expected = Draw(logits, sampling, draws: 20, KernelSet.Supported[^1]);
            Assert.All(KernelSet.Supported, kernels => Assert.Equal(expected, Draw(logits, sampling, draws: 20, kernels)));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_finite_are_reported_and_not_drawn_from(float broken) =>
        Assert.True(float.IsNaN(Draw([0, 1, broken, 2], new SamplingParams(), draws: 1)[0].Logprob));

    [Fact]
    public void Drawing_allocates_nothing()
    {
        using Sampler sampler = new(KernelSet.Widest, 1000);
        float[] logits = RandomLogits(1000, seed: 2, padded: 1024);
        OutputRow[] rows = [.. Params.Select(sampling => Row(1000, sampling, 1, History.Length, null))];
        fixed (float* pointer = logits)
        {
            DrawAll(sampler, pointer, rows);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
                DrawAll(sampler, pointer, rows);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static void DrawAll(Sampler sampler, float* logits, OutputRow[] rows)
    {
        foreach (OutputRow row in rows)
            sampler.Sample(logits, row);
    }

    [Fact]
    public void A_stop_token_is_held_back_until_the_generation_is_long_enough()
    {
        float[] logits = [0, 9, 0];
        SamplingParams sampling = new() { MinNewTokens = 3 };
        TokenHistory history = new([0, 0, 0, 0, 0, 0], Starts: [2], [], StopTokenIds: [1]);
        SampledToken[] samples = Run(logits, Enumerable.Range(2, 4).Select(position => new OutputRow(0, sampling, 0, position, 1, history)), KernelSet.Widest);
        Assert.Equal([false, false, false, true], samples.Select(sample => float.IsFinite(sample.SamplingLogprob)));
    }

    [Fact]
    public void Penalties_count_from_where_the_generation_began()
    {
        float[] logits = [1, 1, 1, -1];
        SamplingParams sampling = new() { RepetitionPenalty = 2, FrequencyPenalty = 0.5f, PresencePenalty = 0.25f };
        // Prompt 0, 3; sampled 1, 1: 0 is halved and 3 doubled for being there, 1 is halved and loses 2 · 0.5 + 0.25.
        TokenHistory history = new([0, 3, 1, 1], Starts: [2], [], []);
        double[] changed = [0.5, 0.5 - 1.25, 1, -2];
        double total = changed.Sum(Math.Exp);
        for (int token = 0; token < 4; token++)
        {
            SampledToken scored = Run(logits, [new OutputRow(0, sampling, 0, 4, token, history)], KernelSet.Widest)[0];
            Assert.Equal(changed[token] - Math.Log(total), scored.SamplingLogprob, 1e-5);
            Assert.Equal(logits[token] - Math.Log(3 * Math.E + Math.Exp(-1)), scored.Logprob, 1e-5);
        }
    }

    [Fact]
    public void The_likeliest_tokens_are_those_of_a_sort_and_the_kept_ones_those_that_can_be_drawn()
    {
        foreach (int vocabulary in (int[])[30, 64, 65, 3000])
        {
            float[] logits = [.. RandomLogits(vocabulary, seed: vocabulary).Select(logit => MathF.Round(logit * 4) / 4)];
            SampleDetails details = new(2, new DetailsWanted(TopCount: 20, Watched: [], Kept: true));
            SamplingParams sampling = new(TopK: 7) { PresencePenalty = 1 };
            Run(logits, [Row(vocabulary, sampling, 1, History.Length, null) with { Details = details }, Row(vocabulary, new(), 1, History.Length, null) with { Details = details, Sample = 1 }], KernelSet.Widest);

            TokenChunk chunk = Chunk(details, samples: 2);
            TokenLogprob[] top = chunk.TopLogprobs!.Value[..20].ToArray();
            double[] raw = Oracle(logits, new SamplingParams());
            Assert.Equal(Enumerable.Range(0, vocabulary).OrderByDescending(id => logits[id]).ThenBy(id => id).Take(20), top.Select(entry => entry.Token));
            Assert.All(top, entry => Assert.Equal(Math.Log(raw[entry.Token]), entry.Logprob, 1e-4));
            Assert.Equal(top, chunk.TopLogprobs.Value[20..].ToArray());
            Assert.Equal(Support(logits, sampling), chunk.KeptTokens![0].ToArray());
            Assert.Empty(chunk.KeptTokens[1].ToArray());
            Assert.Equal((null, null), (chunk.WatchedLogprobs, chunk.UnfilteredLogprobs));
        }
    }

    [Fact]
    public void Details_can_be_of_the_distribution_before_the_filters_and_change_nothing_that_is_drawn()
    {
        float[] logits = RandomLogits(300, seed: 5);
        int[] watched = [299, 0, 7];
        foreach (SamplingParams sampling in (SamplingParams[])[.. Params, new(Temperature: 0), new(Temperature: 0) { RepetitionPenalty = 1.5f }])
        {
            SamplingParams unfiltered = sampling with { TopK = 0, TopP = 1, MinP = 0, Temperature = sampling.Temperature == 0 ? 1 : sampling.Temperature };
            SampleDetails details = new(1, new DetailsWanted(TopCount: 3, watched, Unfiltered: true));
            OutputRow row = Row(300, sampling, 1, History.Length, null);

            SampledToken drawn = Run(logits, [row with { Details = details }], KernelSet.Widest)[0];

            Assert.Equal(Run(logits, [row], KernelSet.Widest)[0], drawn);
            TokenChunk chunk = Chunk(details, samples: 1);
            Assert.Equal(Score(logits, unfiltered, drawn.Token).SamplingLogprob, chunk.UnfilteredLogprobs!.Value.Span[0]);
            Assert.Equal(watched.Select(token => Score(logits, unfiltered, token).SamplingLogprob), chunk.WatchedLogprobs!.Value.ToArray());
            Assert.All(chunk.TopLogprobs!.Value.ToArray(), top => Assert.Equal(Score(logits, unfiltered, top.Token).SamplingLogprob, top.Logprob));
        }
    }

    [Fact]
    public void Watched_tokens_have_the_log_probabilities_that_they_would_be_sampled_with()
    {
        float[] logits = RandomLogits(300, seed: 6);
        SampleDetails details = new(1, new DetailsWanted(TopCount: 0, [5, 5, 210]));
        Run(logits, [Row(300, new SamplingParams(Temperature: 0.5f, TopK: 2), 1, History.Length, null) with { Details = details }], KernelSet.Widest);
        Assert.Equal(((int[])[5, 5, 210]).Select(token => Score(logits, new(), token).Logprob), Chunk(details, samples: 1).WatchedLogprobs!.Value.ToArray());
    }

    private static TokenChunk Chunk(SampleDetails details, int samples) => details.AddTo(new TokenChunk(new int[samples], new float[samples], null, 0), start: 0);

    private static OutputRow Row(int vocabulary, SamplingParams sampling, ulong seed, int position, int? forced) => new(
        0, sampling, seed, position, forced,
        sampling.ChangesLogits
            ? new TokenHistory([.. History.Select(token => token % vocabulary)], [3], [.. sampling.LogitBias ?? new Dictionary<int, float>()], [History[^1] % vocabulary])
            : null);

    private static int[] Support(float[] logits, SamplingParams sampling) =>
        [.. Enumerable.Range(0, logits.Length).Where(token => float.IsFinite(Score(logits, sampling, token).SamplingLogprob))];

    private static SampledToken Score(float[] logits, SamplingParams sampling, int token) =>
        Run(logits, [Row(logits.Length, sampling, 0, History.Length, token)], KernelSet.Widest)[0];

    private static SampledToken[] Draw(float[] logits, SamplingParams sampling, int draws, KernelSet? kernels = null) =>
        Run(logits, Enumerable.Range(0, draws).Select(i => Row(logits.Length, sampling, (ulong)i, History.Length, null)), kernels ?? KernelSet.Widest);

    private static SampledToken[] Run(float[] logits, IEnumerable<OutputRow> rows, KernelSet kernels)
    {
        using Sampler sampler = new(kernels, logits.Length);
        float[] padded = new float[(logits.Length + 15) / 16 * 16];
        logits.CopyTo(padded, 0);
        fixed (float* pointer = padded)
        {
            List<SampledToken> samples = [];
            foreach (OutputRow row in rows)
                samples.Add(sampler.Sample(pointer, row));
            return [.. samples];
        }
    }

    private static float[] RandomLogits(int count, int seed, int? padded = null)
    {
        Random random = new(seed);
        float[] logits = new float[padded ?? count];
        for (int i = 0; i < count; i++)
            logits[i] = (float)(6 * random.NextDouble() - 3);
        return logits;
    }

    /// <summary>The textbook: sort, filter, renormalise after each filter.</summary>
    private static double[] Oracle(float[] logits, SamplingParams sampling)
    {
        logits = Change(logits, sampling);
        double max = logits.Max();
        double[] weights = [.. logits.Select(logit => Math.Exp((logit - max) / sampling.Temperature))];
        List<int> kept = [.. Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).ThenBy(id => id)];
        if (sampling.TopK > 0)
            kept = [.. kept.Take(sampling.TopK)];
        double mass = kept.Sum(id => weights[id]), running = 0;
        kept = sampling.TopP < 1 ? [.. kept.TakeWhile(id => (running += weights[id]) - weights[id] < sampling.TopP * mass)] : kept;
        kept = [.. kept.Where(id => weights[id] >= sampling.MinP * weights[kept[0]])];
        double total = kept.Sum(id => weights[id]);
        return [.. weights.Select((weight, id) => kept.Contains(id) ? weight / total : 0)];
    }

    private static float[] Change(float[] logits, SamplingParams sampling)
    {
        int[] tokens = [.. History.Select(token => token % logits.Length)];
        return
        [
            .. logits.Select((logit, id) =>
            {
                logit += sampling.LogitBias?.GetValueOrDefault(id) ?? 0;
                if (tokens.Contains(id))
                    logit = logit > 0 ? logit / sampling.RepetitionPenalty : logit * sampling.RepetitionPenalty;
                int sampled = tokens[3..].Count(token => token == id);
                logit -= sampled * sampling.FrequencyPenalty + (sampled > 0 ? sampling.PresencePenalty : 0);
                return sampling.MinNewTokens > 0 && id == tokens[^1] ? float.NegativeInfinity : logit;
            }),
        ];
    }
}
