using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Routing;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Routing;

/// <summary>A router over embedded engines of one small checkpoint, named <c>a</c>, <c>b</c> and so on.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    public static readonly Fixture Model = new("llama-f32-sharded");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private TestFleet(RouterEngine router, IReadOnlyList<FragileNode> nodes) => (Router, Nodes) = (router, nodes);

    public RouterEngine Router { get; }

    public IReadOnlyList<FragileNode> Nodes { get; }

    /// <summary>As quick as a test wants it.</summary>
    public static RoutingOptions Options { get; } = new()
    {
        ProbeInterval = TimeSpan.FromMilliseconds(10), ProbeTimeout = TimeSpan.FromSeconds(20), MaxBackoff = TimeSpan.FromMilliseconds(20), Patience = Patience,
    };

    /// <summary>An engine is asked once, so that nothing but the requests decides where they go.</summary>
    public static RoutingOptions Unprobed { get; } = Options with { ProbeInterval = TimeSpan.FromHours(1) };

    public static async Task<TestFleet> StartAsync(int count, RoutingOptions? options = null)
    {
        FragileNode[] nodes = [.. Enumerable.Range(0, count).Select(_ => new FragileNode(Engines.Load(Model, new EngineOptions { Threads = 1, ChunkIntervalMs = 0 })))];
        RouterEngine router = new(nodes[0].Model, options ?? Options, NullLoggerFactory.Instance);
        TestFleet fleet = new(router, nodes);
        for (int i = 0; i < count; i++)
            await fleet.AddAsync(NameOf(i), nodes[i]);
        return fleet;
    }

    public static string NameOf(int index) => ((char)('a' + index)).ToString();

    public Task AddAsync(string name, IEngineNode node) => Router.AddAsync(name, _ => Task.FromResult(node), CancellationToken.None);

    public EngineStatus Status(string name) => Router.Engines.Single(engine => engine.Name == name);

    public Task WaitForAsync(string name, EngineState state) => UntilAsync(() => Status(name).State == state);

    public static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await Router.DisposeAsync();
        foreach (FragileNode node in Nodes)
        {
            Assert.Equal(0, node.Inner.Statistics.Running + node.Inner.Statistics.Waiting);
            await node.Inner.DisposeAsync();
        }
    }
}
