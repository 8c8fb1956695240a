using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Scheduling;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Scheduling;

/// <summary>The scheduler as pure integers: no model runs here.</summary>
public sealed class SchedulerTests
{
    private int _nextToken = 1000;

    [Fact]
    public void Random_loads_end_with_every_token_sampled_and_every_page_accounted_for()
    {
        for (int seed = 0; seed < 80; seed++)
            RunRandomLoad(new Random(seed));
    }

    [Fact]
    public void Sequences_finish_in_order_of_arrival_where_pages_are_scarce()
    {
        Scheduler scheduler = Create(pages: 4, maxBatchTokens: 64);
        Sequence[] sequences = [.. Enumerable.Range(0, 4).Select(i => Add(scheduler, Request(i, prompt: 15, newTokens: 40)))];
        List<Sequence> finished = [];
        while (scheduler.HasWork)
            finished.AddRange(Step(scheduler));

        Assert.Equal(sequences, finished);
        Assert.InRange(scheduler.Preemptions, 1, 100);
    }

    [Fact]
    public void Decoding_goes_on_while_a_long_prompt_is_prefilled()
    {
        Scheduler scheduler = Create(pages: 100, maxBatchTokens: 8);
        Sequence talker = Add(scheduler, Request(0, prompt: 1, newTokens: 20));
        Step(scheduler);
        Add(scheduler, Request(1, prompt: 60, newTokens: 1));

        for (int step = 0; step < 9; step++)
        {
            int before = talker.Count;
            Step(scheduler, out int tokens);
            Assert.Equal(before + 1, talker.Count);
            Assert.Equal(step < 8 ? 8 : 5, tokens);
        }
    }

    [Fact]
    public void A_long_prompt_takes_the_whole_step_only_where_nobody_samples()
    {
        Scheduler scheduler = Schedulers.Create(100, new EngineOptions { MaxBatchTokens = 100, MaxMixedPrefillTokens = 20 });
        Add(scheduler, Request(0, prompt: 150, newTokens: 20));
        Assert.Equal([100, 50], new[] { TokensOfStep(scheduler), TokensOfStep(scheduler) });
        Add(scheduler, Request(1, prompt: 50, newTokens: 20));
        Assert.Equal([21, 21, 11, 2], Enumerable.Range(0, 4).Select(_ => TokensOfStep(scheduler)));
    }

    [Fact]
    public void Nobody_overtakes_the_head_of_the_queue()
    {
        Scheduler scheduler = Create(pages: 4, maxBatchTokens: 64);
        Add(scheduler, Request(0, prompt: 40, newTokens: 4));
        Add(scheduler, Request(1, prompt: 40, newTokens: 4));
        Sequence small = Add(scheduler, Request(2, prompt: 2, newTokens: 1));
        Step(scheduler);
        Assert.Equal((1, 2), (scheduler.Running, scheduler.Waiting));
        Assert.Equal(0, small.Computed);
    }

    [Fact]
    public void Siblings_wait_for_the_one_that_computes_their_prompt_and_then_start_together()
    {
        Scheduler scheduler = Schedulers.Create(100, new EngineOptions { MaxBatchTokens = 32 });
        int[] prompt = [.. Enumerable.Range(0, 100)];
        Sequence[] group = [.. Enumerable.Range(0, 5).Select(i => Add(scheduler, Sequence.ToGenerate(new GenerationRequest
        {
            Id = $"{i}", Tokens = prompt, MaxNewTokens = 8, GroupKey = "group",
        })))];

        // 100 tokens at 32 a step; in the fourth step the first sibling samples, and in the fifth the others compute one token each.
        int[] tokens = [.. Enumerable.Range(0, 5).Select(_ => TokensOfStep(scheduler))];
        Assert.Equal([32, 32, 32, 4 + 4 * 4, 5], tokens);
        Assert.All(group[1..], sibling => Assert.Equal(group[1].Count, sibling.Count));
    }

    [Fact]
    public void Without_sibling_scheduling_each_computes_the_prompt()
    {
        Scheduler scheduler = Schedulers.Create(100, new EngineOptions { MaxBatchTokens = 500, SiblingScheduling = false });
        for (int i = 0; i < 4; i++)
            Add(scheduler, Sequence.ToGenerate(new GenerationRequest { Id = $"{i}", Tokens = new int[100], MaxNewTokens = 8, GroupKey = "group" }));
        Assert.Equal(400, TokensOfStep(scheduler));
    }

    [Fact]
    public void A_rollout_with_few_requests_is_not_kept_waiting_by_one_with_many()
    {
        Scheduler scheduler = Schedulers.Create(1000, new EngineOptions { MaxRunningSequences = 4 });
        for (int i = 0; i < 100; i++)
            Add(scheduler, Request(i, prompt: 10, newTokens: 20, flow: "many"));
        for (int step = 0; step < 30; step++)
            Step(scheduler);
        Sequence late = Add(scheduler, Request(1000, prompt: 10, newTokens: 20, flow: "few"));
        for (int step = 0; step < 41; step++)
            Step(scheduler);
        Assert.True(late.IsClosed);
    }

    [Fact]
    public void A_priority_is_a_share_and_not_a_precedence()
    {
        Scheduler scheduler = Schedulers.Create(1000, new EngineOptions { MaxRunningSequences = 2, PrefixCache = false });
        for (int i = 0; i < 300; i++)
        {
            Add(scheduler, Request(i, prompt: 5, newTokens: 15, priority: 2));
            Add(scheduler, Request(1000 + i, prompt: 5, newTokens: 15));
        }

        int[] finished = new int[3];
        for (int step = 0; step < 1500; step++)
            Step(scheduler).ForEach(sequence => finished[sequence.Priority]++);
        Assert.InRange(finished[2] / (double)finished[0], 3.5, 4.5);
    }

    private void RunRandomLoad(Random random)
    {
        int pages = random.Next(6, 40), budget = random.Next(1, 50);
        EngineOptions options = new()
        {
            MaxBatchTokens = budget,
            MaxMixedPrefillTokens = random.Next(1, 50),
            MaxRunningSequences = random.Next(1, 10),
            PrefixCache = random.Next(4) > 0,
            SiblingScheduling = random.Next(4) > 0,
            LeaseSeconds = random.Next(3) == 0 ? 0 : 1000,
        };
        PrefixCache cache = Schedulers.Cache(pages, options);
        Scheduler scheduler = new(cache, options);
        List<Sequence> open = [];
        int arrivals = 60;
        for (int step = 0; arrivals > 0 || scheduler.HasWork; step++)
        {
            Assert.InRange(step, 0, 20_000);
            if (arrivals > 0 && random.Next(3) == 0)
                open.Add(Add(scheduler, RandomRequest(random, arrivals--)));

            if (open.Count > 0 && random.Next(40) == 0)
            {
                Sequence cancelled = open[random.Next(open.Count)];
                if (random.Next(2) == 0)
                    scheduler.Remove(cancelled);
                else
                    scheduler.Discard(cancelled);
                open.Remove(cancelled);
                Assert.Equal(0, cancelled.Pages.Count);
            }

            if (random.Next(100) == 0)
                scheduler.PreemptAll();
            if (random.Next(100) == 0)
                cache.Flush();

            Step(scheduler, out int tokens).ForEach(finished => open.Remove(finished));
            Assert.InRange(tokens, 0, budget);
            scheduler.CheckIntegrity();
        }

        Assert.Empty(open);
        Assert.Equal(0, cache.Running);
        cache.Flush();
        scheduler.CheckIntegrity();
        Assert.Equal(pages, cache.Free);
    }

    /// <summary>Few different tokens, so that beginnings are shared at any length.</summary>
    private static Sequence RandomRequest(Random random, int id) => Sequence.ToGenerate(new GenerationRequest
    {
        Id = $"{id}",
        Tokens = Enumerable.Range(0, random.Next(1, 50)).Select(i => i < 20 ? i : random.Next(8) / 7).ToArray(),
        MaxNewTokens = random.Next(1, 40),
        GroupKey = random.Next(2) == 0 ? null : $"{random.Next(3)}",
        CacheKey = random.Next(2) == 0 ? null : $"{random.Next(10)}",
        FairnessKey = $"{random.Next(3)}",
        Priority = random.Next(-1, 2),
    });

    private static Scheduler Create(int pages, int maxBatchTokens) =>
        Schedulers.Create(pages, new EngineOptions { MaxBatchTokens = maxBatchTokens, MaxRunningSequences = 8 });

    private static Sequence Add(Scheduler scheduler, Sequence sequence)
    {
        scheduler.Add(sequence);
        return sequence;
    }

    private static List<Sequence> Step(Scheduler scheduler) => Step(scheduler, out _);

    private static int TokensOfStep(Scheduler scheduler)
    {
        Step(scheduler, out int tokens);
        return tokens;
    }

    /// <summary>One step with a model that always says 1.</summary>
    private static List<Sequence> Step(Scheduler scheduler, out int tokens)
    {
        List<Sequence> finished = [];
        ForwardBatch batch = new(512);
        ScheduledChunk[] chunks = scheduler.Schedule(batch).ToArray();
        Assert.True(chunks.Length > 0 || !scheduler.HasWork);
        tokens = chunks.Sum(chunk => chunk.Tokens);
        Assert.Equal(batch.TokenCount, tokens);
        foreach (ScheduledChunk chunk in chunks)
        {
            FinishReason? finish = chunk.Outputs == 1 ? chunk.Sequence.Accept(new SampledToken(1, 0, 0), weightVersion: 0) : null;
            scheduler.Advance(chunk);
            if (finish is null)
                continue;
            scheduler.Remove(chunk.Sequence, isFinished: true);
            finished.Add(chunk.Sequence);
        }

        return finished;
    }

    /// <summary>A request that begins like no other.</summary>
    private Sequence Request(int id, int prompt, int newTokens, string flow = "", int priority = 0) => Sequence.ToGenerate(new GenerationRequest
    {
        Id = $"{id}",
        Tokens = Enumerable.Repeat(_nextToken++, prompt).ToArray(),
        MaxNewTokens = newTokens,
        FairnessKey = flow,
        Priority = priority,
    });
}
