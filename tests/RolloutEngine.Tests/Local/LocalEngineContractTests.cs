using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Tests.Fixtures;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

public sealed class LocalEngineContractTests : TokenEngineContract, IAsyncDisposable
{
    private static readonly Fixture Model = new("llama-f32-sharded");
    private readonly LocalEngine _engine = Engines.Load(Model);

    protected override ITokenEngine Engine => _engine;

    protected override IReadOnlyList<int> Continuation => Model.Greedy;

    protected override int[] Prompt => Model.Prompt;

    protected override int Held => _engine.Statistics.PagesInUse;

    [Fact]
    public void It_tells_what_it_serves()
    {
        Assert.Equal(("local", "llama-f32-sharded", 256, 256), (Engine.Name, Engine.Model.Name, Engine.Model.VocabularySize, Engine.Model.ContextLength));
        Assert.Equal([7], Engine.Model.StopTokenIds);
        // Embedding and head 256·32, final norm 32; per layer 4 attention matrices of 32·32 or 16·32, 3 of 48·32, their biases, 2 norms.
        Assert.Equal(2 * 256 * 32 + 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 32 + 16 + 16 + 32 + 48 + 48 + 32 + 2 * 32), _engine.ParameterCount);
        Assert.InRange(_engine.WeightBytes, 4 * _engine.ParameterCount, 8 * _engine.ParameterCount);
        Assert.Contains(_engine.ComputePath, (string[])["avx512-vnni-bf16", "avx512-vnni", "avx512", "avx2-vnni", "avx2", "vector128", "scalar"]);
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
