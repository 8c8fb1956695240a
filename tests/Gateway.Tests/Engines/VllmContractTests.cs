using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Remote;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

public sealed class VllmContractTests(VllmContractTests.Fixture fixture) : EngineContractTests(fixture), IClassFixture<VllmContractTests.Fixture>
{
    /// <summary>The client of vLLM's protocol, against this project's server over loopback.</summary>
    public sealed class Fixture : EngineFixture
    {
        private LoadedModel _model = null!;
        private TestGateway _gateway = null!;
        private RemoteEngine _engine = null!;

        public override IEngineNode Engine => _engine;

        public override IReadOnlyList<LocalEngine> Nodes => [_model.Engine];

        public override bool TellsUnfiltered => false;

        public override bool TellsWatchedAndKept => false;

        public override bool TellsTimings => false;

        public override async ValueTask InitializeAsync()
        {
            _model = await LoadedModel.LoadAsync(Model, new EngineOptions(), NullLoggerFactory.Instance);
            _gateway = await TestGateway.StartAsync(_model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex()));
            _engine = await RemoteEngine.ConnectAsync(RemoteEngineKind.Vllm, _gateway.Client.BaseAddress!, new RemoteEngineOptions(), CancellationToken.None);
        }

        public override async ValueTask DisposeAsync()
        {
            _engine.Dispose();
            await _gateway.DisposeAsync();
            await _model.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
