using AgentRollout.RolloutEngine.Routing;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Routing;

public sealed class RouterEngineTests
{
    private static readonly int[] Prompt = TestFleet.Model.Prompt;

    private static GenerationRequest Request => new() { Id = "r", Tokens = Prompt, MaxNewTokens = 24, Seed = 5 };

    [Fact]
    public async Task A_generation_whose_engine_dies_goes_on_elsewhere_to_the_same_bits_wherever_it_was_cut()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        foreach (SamplingParams sampling in (SamplingParams[])
        [
            SamplingParams.Default,
            new(Temperature: 0.8f, TopP: 0.9f) { RepetitionPenalty = 1.2f, FrequencyPenalty = 0.5f, PresencePenalty = 0.7f, MinNewTokens = 12 },
        ])
        {
            GenerationRequest request = Request with { Sampling = sampling };
            Generation whole = await fleet.Nodes[0].Inner.RunAsync(request);
            request = request with { StopTokenIds = [whole.Tokens[18]], StopSequences = [[whole.Tokens[14], whole.Tokens[15], whole.Tokens[16]]] };
            whole = await fleet.Nodes[0].Inner.RunAsync(request);
            for (int cut = 0; cut <= whole.Tokens.Count; cut++)
            {
                await KillWithAsync(fleet, cut);
                Assert.Equal(whole, await fleet.Router.RunAsync(request));
                Assert.Single(fleet.Nodes, node => node.IsDead);
                await ReviveAsync(fleet);
            }
        }

        Assert.All(fleet.Router.Engines, engine => Assert.True(engine.Losses > 0));
    }

    [Fact]
    public async Task Chunks_say_which_engine_their_tokens_came_from()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        await KillWithAsync(fleet, 10);
        List<TokenChunk> chunks = [];
        await foreach (TokenChunk chunk in fleet.Router.GenerateAsync(Request, CancellationToken.None))
            chunks.Add(chunk);
        string[] engines = [.. chunks.Select(chunk => chunk.Engine!).Distinct()];
        Assert.Equal(2, engines.Length);
        Assert.Equal(10, chunks.Where(chunk => chunk.Engine == engines[0]).Sum(chunk => chunk.Tokens.Length));
        Assert.Equal(14, chunks.Where(chunk => chunk.Engine == engines[1]).Sum(chunk => chunk.Tokens.Length));
        Assert.Null(chunks[^1].Timings);
    }

    [Fact]
    public async Task One_that_wants_to_start_again_streams_nothing_of_the_engine_that_died()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        Generation whole = await fleet.Nodes[0].Inner.RunAsync(Request);
        await KillWithAsync(fleet, 10);
        List<TokenChunk> chunks = [];
        await foreach (TokenChunk chunk in fleet.Router.GenerateAsync(Request with { OnInterrupt = InterruptPolicy.Restart }, CancellationToken.None))
            chunks.Add(chunk);
        Assert.Equal(whole.Tokens, chunks.SelectMany(chunk => chunk.Tokens.ToArray()));
        Assert.Single(chunks.Select(chunk => chunk.Engine).Distinct());
    }

    [Fact]
    public async Task One_that_wants_its_part_ends_interrupted_with_it_but_moves_while_it_has_none()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        GenerationRequest request = Request with { OnInterrupt = InterruptPolicy.ReturnPartial, Sampling = new SamplingParams(TopK: 9) };
        Generation whole = await fleet.Nodes[0].Inner.RunAsync(request);
        await KillWithAsync(fleet, 10);
        Generation part = await fleet.Router.RunAsync(request);
        Assert.Equal(FinishReason.Interrupted, part.Finish);
        Assert.Equal(whole.Tokens.Take(10), part.Tokens);
        await ReviveAsync(fleet);
        await KillWithAsync(fleet, 0);
        Assert.Equal(whole, await fleet.Router.RunAsync(request));
    }

    [Fact]
    public async Task A_request_that_ends_every_engine_fails_in_the_end()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(3, TestFleet.Options with { MaxLosses = 3 });
        foreach (FragileNode node in fleet.Nodes)
            node.DiesAfter = request => request.Id == "poison" ? 0 : null;
        EngineException failure = await Assert.ThrowsAsync<EngineException>(() => fleet.Router.RunAsync(Request with { Id = "poison" }));
        Assert.True(failure.IsLost);
        Assert.Contains("'poison'", failure.Message);
        Assert.Contains("3 engines in a row", failure.Message);
        await ReviveAsync(fleet);
        Assert.Equal(24, (await fleet.Router.RunAsync(Request)).Tokens.Count);
    }

    [Fact]
    public async Task What_an_engine_refuses_is_refused_and_the_engine_stays()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        await Task.WhenAll(fleet.Nodes.Select(node => node.Inner.ReleaseMemoryAsync(EngineMemory.KvCache)));
        EngineException failure = await Assert.ThrowsAsync<EngineException>(() => fleet.Router.RunAsync(Request));
        Assert.False(failure.IsLost);
        Assert.All(fleet.Router.Engines, engine => Assert.Equal((EngineState.Up, 0L), (engine.State, engine.Losses)));
    }

    [Fact]
    public async Task Turns_of_a_trajectory_stay_together_and_samples_of_a_group_too()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(3, TestFleet.Unprobed);
        for (int trajectory = 0; trajectory < 9; trajectory++)
        {
            GenerationRequest turn = Request with { CacheKey = $"t{trajectory}", MaxNewTokens = 4, Tokens = (int[])[trajectory, .. Prompt] };
            int[] before = [.. fleet.Nodes.Select(node => node.Generations)];
            for (int i = 0; i < 4; i++)
            {
                IReadOnlyList<int> sampled = (await fleet.Router.RunAsync(turn)).Tokens;
                turn = turn with { Tokens = (int[])[.. turn.Tokens.Span, .. sampled] };
            }

            Assert.Equal([0, 0, 4], fleet.Nodes.Select((node, i) => node.Generations - before[i]).Order());
        }

        Assert.All(fleet.Nodes, node => Assert.Equal(12, node.Generations));
        int[] earlier = [.. fleet.Nodes.Select(node => node.Generations)];
        for (int sample = 0; sample < 5; sample++)
            await fleet.Router.RunAsync(Request with { GroupKey = "g", CacheKey = $"g{sample}", MaxNewTokens = 1, Tokens = (int[])[77, .. Prompt] });
        Assert.Equal([0, 0, 5], fleet.Nodes.Select((node, i) => node.Generations - earlier[i]).Order());
        Assert.Equal((27, 4, 10), (fleet.Router.Choices[RoutingReason.Trajectory], fleet.Router.Choices[RoutingReason.Group], fleet.Router.Choices[RoutingReason.Load]));
    }

    [Fact]
    public async Task A_common_beginning_goes_where_it_was_sent_before()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(3, TestFleet.Unprobed);
        int[] common = [.. Enumerable.Range(0, 2 * 64).Select(i => i % 200)];
        for (int i = 0; i < 6; i++)
            await fleet.Router.RunAsync(Request with { Tokens = (int[])[.. common, i], MaxNewTokens = 1 });
        Assert.Equal([0, 0, 6], fleet.Nodes.Select(node => node.Generations).Order());
        Assert.Equal(5, fleet.Router.Choices[RoutingReason.Prefix]);
    }

    [Fact]
    public async Task Requests_wait_for_an_engine_until_their_deadline_or_the_end_of_patience()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(1, TestFleet.Options with { Patience = TimeSpan.FromMilliseconds(200) });
        fleet.Nodes[0].IsDead = true;
        await fleet.WaitForAsync("a", EngineState.Down);
        EngineException failure = await Assert.ThrowsAsync<EngineException>(() => fleet.Router.RunAsync(Request));
        Assert.Contains("No engine could take request 'r' within 0.2 s: 'a' is down (The engine is away.)", failure.Message);
        Generation late = await fleet.Router.RunAsync(Request with { Deadline = DateTimeOffset.UtcNow.AddMilliseconds(50) });
        Assert.Equal((FinishReason.Deadline, 0), (late.Finish, late.Tokens.Count));
        using CancellationTokenSource cancellation = new(TimeSpan.FromMilliseconds(20));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fleet.Router.RunAsync(Request, cancellation.Token));
    }

    [Fact]
    public async Task A_request_that_waits_is_served_by_the_engine_that_comes()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(1);
        fleet.Nodes[0].IsDead = true;
        await fleet.WaitForAsync("a", EngineState.Down);
        Task<Generation> waiting = fleet.Router.RunAsync(Request);
        FragileNode late = new(fleet.Nodes[0].Inner);
        await fleet.AddAsync("late", late);
        Assert.Equal(24, (await waiting).Tokens.Count);
        Assert.Equal(1, late.Generations);
        fleet.Nodes[0].IsDead = false;
        await fleet.WaitForAsync("a", EngineState.Up);
        Assert.Contains("'a' already", (await Assert.ThrowsAsync<EngineException>(() => fleet.AddAsync("a", late))).Message);
    }

    [Fact]
    public async Task An_engine_that_goes_mute_loses_what_it_has_once_it_misses_two_probes()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2, TestFleet.Options with { ProbeTimeout = TimeSpan.FromMilliseconds(300) });
        GenerationRequest request = Request with { MaxNewTokens = 200 };
        Generation whole = await fleet.Nodes[0].Inner.RunAsync(request);
        Task<Generation> running = fleet.Router.RunAsync(request);
        await TestFleet.UntilAsync(() => fleet.Nodes.Any(node => node.Generations > 0));
        fleet.Nodes.Single(node => node.Generations > 0).IsMute = true;
        Assert.Equal(whole, await running);
    }

    [Fact]
    public async Task Draining_finishes_what_runs_and_removing_waits_for_it_unless_it_is_to_be_at_once()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        GenerationRequest request = Request with { MaxNewTokens = 200, CacheKey = "t" };
        Generation whole = await fleet.Nodes[0].Inner.RunAsync(request);
        await fleet.Router.PauseAsync();
        Task<Generation> running = fleet.Router.RunAsync(request);
        string busy = fleet.Router.Engines.Single(engine => engine.InFlight == 1).Name, other = busy == "a" ? "b" : "a";
        Assert.True(fleet.Router.Drain(busy));
        Assert.Equal(EngineState.Draining, fleet.Status(busy).State);
        Task<bool> removal = fleet.Router.RemoveAsync(busy, atOnce: false, CancellationToken.None);
        Task<Generation> next = fleet.Router.RunAsync(request);
        Assert.Equal(1, fleet.Status(other).InFlight);
        Assert.False(removal.IsCompleted);
        await fleet.Router.ResumeAsync();
        Assert.Equal(whole, await running);
        Assert.True(await removal);
        Assert.Equal(whole, await next);
        Assert.Equal(other, Assert.Single(fleet.Router.Engines).Name);
        Assert.False(await fleet.Router.RemoveAsync(busy, atOnce: true, CancellationToken.None));
        Assert.False(fleet.Router.Drain(busy));

        await fleet.AddAsync(busy, fleet.Nodes[busy[0] - 'a']);
        await fleet.Router.PauseAsync();
        running = fleet.Router.RunAsync(request with { CacheKey = "new" });
        busy = fleet.Router.Engines.Single(engine => engine.InFlight == 1).Name;
        Assert.True(await fleet.Router.RemoveAsync(busy, atOnce: true, CancellationToken.None));
        await fleet.Router.ResumeAsync();
        await fleet.Nodes[busy[0] - 'a'].Inner.ResumeAsync();
        Assert.Equal(whole, await running);
    }

    [Fact]
    public async Task Random_deaths_and_returns_lose_no_request_and_change_no_bit()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(3, TestFleet.Options with { MaxLosses = 1_000 });
        Random random = new(3);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 60).Select(i => Request with
        {
            Id = $"r{i}", Seed = (ulong)i, MaxNewTokens = 1 + (7 * i % 60), CacheKey = $"t{i % 20}", GroupKey = $"g{i % 5}", Tokens = (int[])[i % 5, .. Prompt],
            Sampling = i % 2 == 0 ? SamplingParams.Default : new SamplingParams(TopK: 20) { PresencePenalty = 1 },
        })];
        Generation[] expected = await Task.WhenAll(requests.Select(request => fleet.Nodes[0].Inner.RunAsync(request)));
        foreach (FragileNode node in fleet.Nodes)
        {
            node.DiesAfter = _ =>
            {
                lock (random)
                    return random.Next(6) == 0 ? random.Next(30) : null;
            };
        }

        using CancellationTokenSource over = new();
        Task healer = HealAsync(fleet, over.Token);
        Generation[] generations = await Task.WhenAll(requests.Select(request => Task.Run(() => fleet.Router.RunAsync(request))));
        await over.CancelAsync();
        await healer;
        Assert.Equal(expected, generations);
        Assert.All(fleet.Router.Engines, engine => Assert.Equal(0, engine.InFlight));
        Assert.True(fleet.Router.Engines.Sum(engine => engine.Losses) > 0);
        foreach (FragileNode node in fleet.Nodes)
            await TestFleet.UntilAsync(() => node.Inner.Statistics.PagesInUse == 0);
    }

    private static async Task HealAsync(TestFleet fleet, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await Task.Delay(5, CancellationToken.None);
            foreach (FragileNode node in fleet.Nodes)
                node.IsDead = false;
        }
    }

    /// <summary>Whichever engine gets the next request dies of it.</summary>
    private static async Task KillWithAsync(TestFleet fleet, int tokens)
    {
        int deaths = 1;
        foreach (FragileNode node in fleet.Nodes)
            node.DiesAfter = _ => Interlocked.Decrement(ref deaths) == 0 ? tokens : null;
        foreach (EngineStatus engine in fleet.Router.Engines)
            await fleet.WaitForAsync(engine.Name, EngineState.Up);
    }

    private static async Task ReviveAsync(TestFleet fleet)
    {
        foreach (FragileNode node in fleet.Nodes)
            (node.IsDead, node.DiesAfter) = (false, _ => null);
        foreach (EngineStatus engine in fleet.Router.Engines)
            await fleet.WaitForAsync(engine.Name, EngineState.Up);
    }
}
