using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Scheduling;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Scheduling;

/// <summary>The scheduler as pure integers: no model runs here.</summary>
public sealed class SchedulerTests
{
    [Fact]
    public void Random_loads_end_with_every_token_sampled_and_every_page_free()
    {
        for (int seed = 0; seed < 60; seed++)
            RunRandomLoad(new Random(seed));
    }

    [Fact]
    public void Sequences_finish_in_order_of_arrival_where_pages_are_scarce()
    {
        PagePool pool = new(4);
        Scheduler scheduler = new(pool, maxBatchTokens: 64, maxRunning: 8);
        ForwardBatch batch = new(64);
        Sequence[] sequences = [.. Enumerable.Range(0, 4).Select(i => Request(i, prompt: 15, newTokens: 40))];
        foreach (Sequence sequence in sequences)
            scheduler.Add(sequence);

        List<Sequence> finished = [];
        while (scheduler.HasWork)
            finished.AddRange(Step(scheduler, batch));

        Assert.Equal(sequences, finished);
        Assert.InRange(scheduler.Preemptions, 1, 100);
    }

    [Fact]
    public void Decoding_goes_on_while_a_long_prompt_is_prefilled()
    {
        Scheduler scheduler = new(new PagePool(100), maxBatchTokens: 8, maxRunning: 8);
        ForwardBatch batch = new(8);
        Sequence talker = Request(0, prompt: 1, newTokens: 20);
        scheduler.Add(talker);
        Step(scheduler, batch);
        scheduler.Add(Request(1, prompt: 60, newTokens: 1));

        for (int step = 0; step < 9; step++)
        {
            int before = talker.Count;
            Step(scheduler, batch);
            Assert.Equal(before + 1, talker.Count);
            Assert.Equal(step < 8 ? 8 : 5, batch.TokenCount);
        }
    }

    [Fact]
    public void Nobody_overtakes_the_head_of_the_queue()
    {
        Scheduler scheduler = new(new PagePool(4), maxBatchTokens: 64, maxRunning: 8);
        ForwardBatch batch = new(64);
        Sequence first = Request(0, prompt: 40, newTokens: 4), large = Request(1, prompt: 40, newTokens: 4), small = Request(2, prompt: 2, newTokens: 1);
        scheduler.Add(first);
        scheduler.Add(large);
        scheduler.Add(small);
        Step(scheduler, batch);
        Assert.Equal((1, 2), (scheduler.Running, scheduler.Waiting));
        Assert.Equal(0, small.Computed);
    }

    private static void RunRandomLoad(Random random)
    {
        PagePool pool = new(random.Next(6, 40));
        int budget = random.Next(1, 50);
        Scheduler scheduler = new(pool, budget, maxRunning: random.Next(1, 10));
        ForwardBatch batch = new(budget);
        List<Sequence> open = [];
        int arrivals = 40;
        for (int step = 0; arrivals > 0 || scheduler.HasWork; step++)
        {
            Assert.InRange(step, 0, 20_000);
            if (arrivals > 0 && random.Next(3) == 0)
            {
                Sequence sequence = Request(arrivals--, random.Next(1, 50), random.Next(1, 40));
                scheduler.Add(sequence);
                open.Add(sequence);
            }

            if (open.Count > 0 && random.Next(40) == 0)
            {
                Sequence cancelled = open[random.Next(open.Count)];
                scheduler.Remove(cancelled);
                open.Remove(cancelled);
                Assert.Equal(0, cancelled.PageCount);
            }

            foreach (Sequence finished in Step(scheduler, batch))
                open.Remove(finished);
            Assert.InRange(batch.TokenCount, 0, budget);
            scheduler.CheckIntegrity();
        }

        Assert.Empty(open);
        Assert.Equal(pool.Total, pool.Free);
    }

    /// <summary>One step with a model that always says 1.</summary>
    private static List<Sequence> Step(Scheduler scheduler, ForwardBatch batch)
    {
        List<Sequence> finished = [];
        ScheduledChunk[] chunks = scheduler.Schedule(batch).ToArray();
        Assert.True(chunks.Length > 0 || !scheduler.HasWork);
        Assert.Equal(batch.TokenCount, chunks.Sum(chunk => chunk.Tokens));
        foreach (ScheduledChunk chunk in chunks)
        {
            chunk.Sequence.Advance(chunk.Tokens);
            if (chunk.Outputs == 1 && chunk.Sequence.Accept(new SampledToken(1, 0, 0)) is not null)
            {
                scheduler.Remove(chunk.Sequence);
                finished.Add(chunk.Sequence);
            }
        }

        return finished;
    }

    private static Sequence Request(int id, int prompt, int newTokens) =>
        Sequence.ToGenerate(new GenerationRequest { Id = $"{id}", Tokens = Enumerable.Repeat(1, prompt).ToArray(), MaxNewTokens = newTokens });
}
