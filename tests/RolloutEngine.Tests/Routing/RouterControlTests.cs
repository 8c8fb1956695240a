using AgentRollout.RolloutEngine.Routing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Routing;

public sealed class RouterControlTests
{
    private static readonly WeightUpdate Update = new() { Path = TestFleet.Model.Folder, Version = 7 };

    private static GenerationRequest Request => new() { Id = "r", Tokens = TestFleet.Model.Prompt, MaxNewTokens = 8 };

    [Fact]
    public async Task Weights_change_everywhere_and_so_does_the_routers_version()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(3);
        WeightUpdateResult result = await fleet.Router.UpdateWeightsAsync(Update, CancellationToken.None);
        Assert.Equal((7, 7), (result.WeightVersion, fleet.Router.Model.WeightVersion));
        Assert.Empty(result.Failures);
        Assert.All(fleet.Nodes, node => Assert.Equal(7, node.Model.WeightVersion));
        Assert.Equal(8, (await fleet.Router.UpdateWeightsAsync(Update with { Version = null }, CancellationToken.None)).WeightVersion);
        Assert.Contains("8, which is in use", (await Assert.ThrowsAsync<EngineException>(() => fleet.Router.UpdateWeightsAsync(Update, CancellationToken.None))).Message);
    }

    [Fact]
    public async Task An_engine_that_did_not_take_new_weights_gets_no_requests_until_it_has()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        fleet.Nodes[1].RefusesWeights = "disk full";
        WeightUpdateResult result = await fleet.Router.UpdateWeightsAsync(Update, CancellationToken.None);
        Assert.Equal("disk full", Assert.Single(result.Failures, failure => failure.Key == "b").Value);
        Assert.Equal(EngineState.Stale, fleet.Status("b").State);
        for (int i = 0; i < 6; i++)
            await fleet.Router.RunAsync(Request with { CacheKey = $"{i}" });
        Assert.Equal(0, fleet.Nodes[1].Generations);
        await TestFleet.UntilAsync(() => fleet.Status("b").Error == "disk full");
        fleet.Nodes[1].RefusesWeights = null;
        await fleet.WaitForAsync("b", EngineState.Up);
        Assert.Equal(7, fleet.Nodes[1].Model.WeightVersion);
    }

    [Fact]
    public async Task Stale_engines_are_used_where_that_is_allowed()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2, TestFleet.Unprobed with { AllowStale = true });
        fleet.Nodes[1].RefusesWeights = "disk full";
        await fleet.Router.UpdateWeightsAsync(Update, CancellationToken.None);
        await fleet.Router.RunAsync(Request);
        await fleet.Router.RunAsync(Request);
        Assert.All(fleet.Nodes, node => Assert.Equal(1, node.Generations));
        Assert.Equal(EngineState.Up, fleet.Status("b").State);
    }

    [Fact]
    public async Task Weights_that_no_engine_takes_change_nothing_and_the_error_names_every_engine()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        (fleet.Nodes[0].RefusesWeights, fleet.Nodes[1].RefusesWeights) = ("disk full", "no such tensor");
        string message = (await Assert.ThrowsAsync<EngineException>(() => fleet.Router.UpdateWeightsAsync(Update, CancellationToken.None))).Message;
        Assert.All((string[])["2 of 2 engines", "'a': disk full", "'b': no such tensor"], part => Assert.Contains(part, message));
        Assert.Equal(0, fleet.Router.Model.WeightVersion);
        Assert.All(fleet.Router.Engines, engine => Assert.Equal(EngineState.Up, engine.State));
    }

    [Fact]
    public async Task An_engine_that_comes_back_is_paused_and_updated_as_the_others_were_meanwhile()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        fleet.Nodes[1].IsDead = true;
        await fleet.WaitForAsync("b", EngineState.Down);
        await fleet.Router.UpdateWeightsAsync(Update, CancellationToken.None);
        await fleet.Router.PauseAsync();
        Assert.True(fleet.Router.IsPaused);
        Assert.False(fleet.Nodes[1].IsPaused);
        fleet.Nodes[1].IsDead = false;
        await fleet.WaitForAsync("b", EngineState.Up);
        Assert.Equal((7, true), (fleet.Nodes[1].Model.WeightVersion, fleet.Nodes[1].IsPaused));

        fleet.Nodes[1].IsDead = true;
        await fleet.WaitForAsync("b", EngineState.Down);
        await fleet.Router.ResumeAsync();
        fleet.Nodes[1].IsDead = false;
        await fleet.WaitForAsync("b", EngineState.Up);
        Assert.All(fleet.Nodes, node => Assert.False(node.IsPaused));
    }

    [Fact]
    public async Task Flushing_and_memory_add_up_over_the_engines_and_a_refusal_is_named()
    {
        await using TestFleet fleet = await TestFleet.StartAsync(2);
        await Task.WhenAll(fleet.Nodes.Select(node => node.Inner.RunAsync(Request with { MaxNewTokens = 40 })));
        int cached = fleet.Nodes.Sum(node => node.Inner.Statistics.PagesCached);
        Assert.True(cached > 0);
        Assert.Equal(cached, await fleet.Router.FlushCacheAsync());
        ReleasedMemory? released = await fleet.Router.ReleaseMemoryAsync(EngineMemory.All);
        Assert.Equal(fleet.Nodes.Sum(node => node.Inner.WeightBytes), released!.WeightBytes);
        await fleet.Router.ResumeMemoryAsync(EngineMemory.All, CancellationToken.None);
        Assert.Equal(8, (await fleet.Router.RunAsync(Request)).Tokens.Count);

        fleet.Nodes[1].IsDead = true;
        EngineException failure = await Assert.ThrowsAsync<EngineException>(async () =>
        {
            await fleet.Router.FlushCacheAsync();
            await fleet.WaitForAsync("b", EngineState.Down);
            fleet.Nodes[0].IsDead = true;
            await fleet.WaitForAsync("a", EngineState.Down);
            await fleet.Router.FlushCacheAsync();
        });
        Assert.Contains("flush their caches", failure.Message);
    }
}
