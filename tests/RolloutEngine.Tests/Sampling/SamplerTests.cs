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
    ];

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
        OutputRow row = new(0, Params[6], 1, 0, null);
        fixed (float* pointer = logits)
        {
            sampler.Sample(pointer, row);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int position = 0; position < 100; position++)
                sampler.Sample(pointer, row with { Position = position });
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    private static int[] Support(float[] logits, SamplingParams sampling) =>
        [.. Enumerable.Range(0, logits.Length).Where(token => float.IsFinite(Score(logits, sampling, token).SamplingLogprob))];

    private static SampledToken Score(float[] logits, SamplingParams sampling, int token) =>
        Run(logits, [new OutputRow(0, sampling, 0, 0, token)], KernelSet.Widest)[0];

    private static SampledToken[] Draw(float[] logits, SamplingParams sampling, int draws, KernelSet? kernels = null) =>
        Run(logits, Enumerable.Range(0, draws).Select(i => new OutputRow(0, sampling, (ulong)(i / 100), i % 100, null)), kernels ?? KernelSet.Widest);

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
}
