using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Gateway.Tests.Engines;

public sealed class EmbeddedContractTests(EmbeddedContractTests.Fixture fixture) : EngineContractTests(fixture), IClassFixture<EmbeddedContractTests.Fixture>
{
    /// <summary>The embedded engine itself.</summary>
    public sealed class Fixture : EngineFixture
    {
        private readonly LocalEngine _engine = LocalEngine.Load(Model, new EngineOptions(), NullLoggerFactory.Instance);

        public override IEngineNode Engine => _engine;

        public override IReadOnlyList<LocalEngine> Nodes => [_engine];

        public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

        public override async ValueTask DisposeAsync()
        {
            await _engine.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
