using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests;

public sealed class ScriptedEngineContractTests : TokenEngineContract
{
    private readonly ScriptedEngine _engine = new(_ => new ScriptedAnswer([.. Enumerable.Range(100, 40)]) { ChunkSize = 3 });

    protected override ITokenEngine Engine => _engine;

    protected override IReadOnlyList<int> Continuation { get; } = [.. Enumerable.Range(100, 40)];

    protected override int[] Prompt { get; } = [1, 2, 3];

    protected override int Held => _engine.Running;

    [Fact]
    public async Task Answers_come_in_order_and_a_missing_one_fails_the_request()
    {
        ScriptedEngine engine = ScriptedEngine.InOrder(new ScriptedAnswer(5), new ScriptedAnswer(6));
        GenerationRequest request = new() { Id = "a", Tokens = (int[])[1], MaxNewTokens = 1 };
        Assert.Equal([5], (await engine.RunAsync(request)).Tokens);
        Assert.Equal([6], (await engine.RunAsync(request)).Tokens);
        Assert.Contains("'a'", (await Assert.ThrowsAsync<EngineException>(() => engine.RunAsync(request))).Message);
        Assert.Equal(3, engine.Requests.Count);
    }

    [Fact]
    public async Task A_scripted_failure_comes_after_its_tokens()
    {
        ScriptedEngine engine = new(_ => new ScriptedAnswer(5, 6) { Failure = new EngineException("lost") });
        List<int> tokens = [];
        EngineException failure = await Assert.ThrowsAsync<EngineException>(async () =>
        {
            await foreach (TokenChunk chunk in engine.GenerateAsync(new GenerationRequest { Id = "a", Tokens = (int[])[1], MaxNewTokens = 9 }, CancellationToken.None))
                tokens.AddRange(chunk.Tokens.Span);
        });
        Assert.Equal("lost", failure.Message);
        Assert.Equal([5, 6], tokens);
    }
}
