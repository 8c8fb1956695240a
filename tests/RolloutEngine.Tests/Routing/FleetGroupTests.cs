using System.Text.Json;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Routing;
using AgentRollout.RolloutEngine.Tests.Remote;
using AgentRollout.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Routing;

/// <summary>A trainer broadcasts weights to a fleet of SGLang's servers: <c>a</c> with two workers, <c>b</c> with one.</summary>
public sealed class FleetGroupTests : IAsyncLifetime
{
    private const string Init = "/init_weights_update_group", Receive = "/update_weights_from_distributed";

    private readonly Dictionary<string, Func<WireRequest, WireAnswer?>> _answers = new() { ["a"] = _ => null, ["b"] = _ => null };
    private readonly Dictionary<string, string> _versions = new() { ["a"] = "4", ["b"] = "4" };
    private readonly List<SglangFake> _fakes = [];
    private RouterEngine _router = null!;

    public async ValueTask InitializeAsync()
    {
        await StartFakeAsync("a", workers: 2);
        await StartFakeAsync("b", workers: 1);
        _router = new RouterEngine(_fakes[0].Engine.Model, TestFleet.Options, NullLoggerFactory.Instance);
        await AddAsync("a", _fakes[0].Engine);
        await AddAsync("b", _fakes[1].Engine);
    }

    public async ValueTask DisposeAsync()
    {
        await _router.DisposeAsync();
        foreach (SglangFake fake in _fakes)
            fake.Dispose();
    }

    [Fact]
    public async Task Engines_join_with_ranks_one_behind_the_other_and_all_have_the_weights_in_the_end()
    {
        Assert.Equal(3, _router.Workers);
        await JoinAsync(worldSize: 4);
        Assert.Equal([1, 3], _fakes.Select(fake => JsonElement.Parse(Assert.Single(fake.Server.BodiesOf(Init))).GetProperty("rank_offset").GetInt32()));
        await PassAsync(WeightGroupStep.Receive, version: 5);
        await PassAsync(WeightGroupStep.Receive, version: 5);
        await PassAsync(WeightGroupStep.Leave);
        Assert.Equal(5, _router.Model.WeightVersion);
        Assert.All(_fakes, fake => Assert.Equal((2, 1), (fake.Server.BodiesOf(Receive).Count, fake.Server.BodiesOf("/destroy_weights_update_group").Count)));
        Assert.All(_router.Engines, engine => Assert.Equal((5, EngineState.Up), (engine.WeightVersion, engine.State)));
    }

    [Fact]
    public async Task A_world_that_is_too_small_is_refused_before_any_engine_is_asked()
    {
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => JoinAsync(worldSize: 3));
        Assert.Contains("have 3 workers ('a': 2, 'b': 1), which do not fit behind rank offset 1 in a world of 3.", exception.Message, StringComparison.Ordinal);
        Assert.All(_fakes, fake => Assert.Empty(fake.Server.BodiesOf(Init)));
    }

    [Fact]
    public async Task An_engine_that_is_away_keeps_the_others_from_joining()
    {
        await _router.AddAsync("c", _ => throw new EngineException("no route") { IsLost = true }, CancellationToken.None);
        Assert.Contains("'c' is down", (await Assert.ThrowsAsync<EngineException>(() => JoinAsync(worldSize: 4))).Message, StringComparison.Ordinal);
        Assert.All(_fakes, fake => Assert.Empty(fake.Server.BodiesOf(Init)));
    }

    [Fact]
    public async Task Where_one_engine_refuses_the_others_do_not_wait_for_it_for_ever()
    {
        _answers["a"] = request =>
        {
            if (request.Path != Init)
                return null;
            // The other waits for this one by now.
            SpinWait.SpinUntil(() => _fakes[1].Server.BodiesOf(Init).Count > 0, TimeSpan.FromSeconds(30));
            return WireAnswer.Json("""{"success": false, "message": "no NCCL here"}""", 400);
        };
        _answers["b"] = request => request.Path == Init ? new WireAnswer(200, "application/json", [], WireEnding.Hangs) : null;
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => JoinAsync(worldSize: 4));
        Assert.Contains("1 of 2 engines could not take part", exception.Message, StringComparison.Ordinal);
        Assert.Contains("no NCCL here", exception.Message, StringComparison.Ordinal);
        await TestFleet.UntilAsync(() => !_fakes[1].Server.Left.IsEmpty);
    }

    [Fact]
    public async Task A_member_that_was_lost_meanwhile_is_named_before_the_others_wait_for_it()
    {
        await JoinAsync(worldSize: 4);
        await _router.RemoveAsync("b", atOnce: true, CancellationToken.None);
        EngineException exception = await Assert.ThrowsAsync<EngineException>(() => PassAsync(WeightGroupStep.Receive, version: 5));
        Assert.Contains("'b' was lost after it had joined the process group 'g'", exception.Message, StringComparison.Ordinal);
        Assert.Empty(_fakes[0].Server.BodiesOf(Receive));
        Assert.Equal(4, _router.Model.WeightVersion);
        // Who is still there leaves, and all that are there join anew.
        await PassAsync(WeightGroupStep.Leave);
        await JoinAsync(worldSize: 3);
        await PassAsync(WeightGroupStep.Receive, version: 5);
        Assert.Equal(5, _router.Model.WeightVersion);
    }

    [Fact]
    public async Task An_engine_that_missed_a_broadcast_is_stale_and_says_why()
    {
        await JoinAsync(worldSize: 4);
        await PassAsync(WeightGroupStep.Receive, version: 5);
        await StartFakeAsync("c", workers: 1);
        await AddAsync("c", _fakes[2].Engine);
        EngineStatus late = _router.Engines.Single(engine => engine.Name == "c");
        Assert.Equal((EngineState.Stale, 4), (late.State, late.WeightVersion));
        await TestFleet.UntilAsync(() => _router.Engines.Single(engine => engine.Name == "c").Error is { } error && error.Contains("missed weights 5", StringComparison.Ordinal));
        Assert.Empty(_fakes[2].Server.BodiesOf("/update_weights_from_disk"));
    }

    [Fact]
    public async Task Engines_that_failed_to_receive_are_stale()
    {
        await JoinAsync(worldSize: 4);
        _answers["b"] = request =>
        {
            if (request.Path != Receive)
                return null;
            // The other has its tensors by the time that this one refuses.
            SpinWait.SpinUntil(() => _fakes[0].Engine.Model.WeightVersion == 5, TimeSpan.FromSeconds(30));
            return WireAnswer.Json("""{"success": false, "message": "a shape does not fit"}""", 400);
        };
        Assert.Contains("'b': ", (await Assert.ThrowsAsync<EngineException>(() => PassAsync(WeightGroupStep.Receive, version: 5))).Message, StringComparison.Ordinal);
        Assert.Equal([EngineState.Up, EngineState.Stale], _router.Engines.Select(engine => engine.State));
    }

    [Fact]
    public async Task An_engine_that_says_nothing_else_while_it_receives_is_not_lost()
    {
        int unanswered = 0;
        bool isReceiving = false;
        await StartFakeAsync("d", workers: 1);
        _answers["d"] = request =>
        {
            if (request.Path == "/health" && Volatile.Read(ref isReceiving))
            {
                Interlocked.Increment(ref unanswered);
                return new WireAnswer(200, "text/plain", [], WireEnding.Hangs);
            }

            if (request.Path != Receive)
                return null;
            Volatile.Write(ref isReceiving, true);
            SpinWait.SpinUntil(() => Volatile.Read(ref unanswered) > 4, TimeSpan.FromSeconds(30));
            Volatile.Write(ref isReceiving, false);
            return null;
        };
        await using RouterEngine router = new(
            _fakes[2].Engine.Model, TestFleet.Options with { ProbeTimeout = TimeSpan.FromMilliseconds(100) }, NullLoggerFactory.Instance);
        await router.AddAsync("d", _ => Task.FromResult<IEngineNode>(_fakes[2].Engine), CancellationToken.None);
        await router.PassAsync(new WeightGroupCall(RemoteEngineKind.Sglang, WeightGroupStep.Receive, JsonElement.Parse("{}")) { Version = 5 }, CancellationToken.None);
        EngineStatus engine = Assert.Single(router.Engines);
        Assert.Equal((0, 5, EngineState.Up), (engine.Losses, engine.WeightVersion, engine.State));
    }

    private Task JoinAsync(int worldSize) => _router.PassAsync(
        new WeightGroupCall(RemoteEngineKind.Sglang, WeightGroupStep.Join, JsonElement.Parse("""{"master_address": "10.0.0.1", "rank_offset": 9}""")) { Group = "g", RankOffset = 1, WorldSize = worldSize },
        CancellationToken.None);

    private Task PassAsync(WeightGroupStep step, long version = 0) => _router.PassAsync(
        new WeightGroupCall(RemoteEngineKind.Sglang, step, JsonElement.Parse("""{"group_name": "g"}""")) { Group = "g", Version = version }, CancellationToken.None);

    private Task AddAsync(string name, IEngineNode node) => _router.AddAsync(name, _ => Task.FromResult(node), CancellationToken.None);

    private async Task StartFakeAsync(string name, int workers)
    {
        _versions.TryAdd(name, "4");
        _answers.TryAdd(name, _ => null);
        _fakes.Add(await SglangFake.StartAsync(request =>
        {
            if (_answers[name](request) is { } own)
                return own;
            if (request.Path == "/get_server_info")
                return WireAnswer.Json($$"""{"context_length": 64, "tp_size": {{workers}}}""");
            if (request.Path == "/get_model_info")
                return WireAnswer.Json($$"""{"model_path": "m", "weight_version": "{{_versions[name]}}"}""");
            if (request.Method != "POST")
                return null;
            if (JsonElement.Parse(request.Body).TryGetProperty("weight_version", out JsonElement version))
                _versions[name] = version.GetString()!;
            return WireAnswer.Json("""{"success": true, "message": "done"}""");
        }));
    }
}
