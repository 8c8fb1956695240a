using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Remote;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

public sealed class SglangContractTests(SglangContractTests.Fixture fixture) : EngineContractTests(fixture), IClassFixture<SglangContractTests.Fixture>
{
    /// <summary>The client of SGLang's protocol, against this project's server over loopback.</summary>
    public sealed class Fixture : EngineFixture
    {
        private LoadedModel _model = null!;
        private TestGateway _gateway = null!;
        private RemoteEngine _engine = null!;

        public override IEngineNode Engine => _engine;

        public override IReadOnlyList<LocalEngine> Nodes => [_model.Engine];

        public override async ValueTask InitializeAsync()
        {
            _model = await LoadedModel.LoadAsync(Model, new EngineOptions(), NullLoggerFactory.Instance);
            _gateway = await TestGateway.StartAsync(_model.Policy, services => services.AddRolloutParts(_ => LookupFacts.OpenIndex()));
            _engine = await RemoteEngine.ConnectAsync(RemoteEngineKind.Sglang, _gateway.Client.BaseAddress!, new RemoteEngineOptions(), CancellationToken.None);
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
