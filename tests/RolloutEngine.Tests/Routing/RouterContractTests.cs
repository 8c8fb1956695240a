using AgentRollout.RolloutEngine.Tests.Fixtures;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Routing;

public sealed class RouterContractTests : TokenEngineContract, IAsyncLifetime
{
    private TestFleet _fleet = null!;

    protected override ITokenEngine Engine => _fleet.Router;

    protected override IReadOnlyList<int> Continuation => TestFleet.Model.Greedy;

    protected override int[] Prompt => TestFleet.Model.Prompt;

    protected override int Held => _fleet.Nodes.Sum(node => node.Inner.Statistics.PagesInUse);

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync(2);

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();
}
