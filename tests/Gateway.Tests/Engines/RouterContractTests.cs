using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Remote;
using AgentRollout.RolloutEngine.Routing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

public sealed class RouterContractTests(RouterContractTests.Fixture fixture) : EngineContractTests(fixture), IClassFixture<RouterContractTests.Fixture>
{
    /// <summary>A router over two of this project's servers, by SGLang's protocol over loopback.</summary>
    public sealed class Fixture : EngineFixture
    {
        private readonly List<LoadedModel> _models = [];
        private readonly List<TestGateway> _nodes = [];
        private RouterEngine _router = null!;

        public override IEngineNode Engine => _router;

        public override IReadOnlyList<LocalEngine> Nodes => [.. _models.Select(model => model.Engine)];

        public override async ValueTask InitializeAsync()
        {
            _router = new RouterEngine(EngineModel.Read(Model), new RoutingOptions(), NullLoggerFactory.Instance);
            for (int i = 0; i < 2; i++)
            {
                _models.Add(await LoadedModel.LoadAsync(Model, new EngineOptions(), NullLoggerFactory.Instance));
                _nodes.Add(await TestGateway.StartAsync(_models[i].Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex())));
                Uri address = _nodes[i].Client.BaseAddress!;
                await _router.AddAsync(
                    $"node-{i}", async cancel => await RemoteEngine.ConnectAsync(RemoteEngineKind.Sglang, address, new RemoteEngineOptions(), cancel), CancellationToken.None);
            }
        }

        public override async ValueTask DisposeAsync()
        {
            await _router.DisposeAsync();
            foreach (TestGateway node in _nodes)
                await node.DisposeAsync();
            foreach (LoadedModel model in _models)
                await model.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
