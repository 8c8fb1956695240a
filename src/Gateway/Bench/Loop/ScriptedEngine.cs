using System.Runtime.CompilerServices;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>An engine without a model: what it samples is in the script, and how long that takes is up to the measurement.</summary>
/// <param name="vocabularySize">Of the tokenizer.</param>
/// <param name="load">The measurement that is under way.</param>
internal sealed class ScriptedEngine(int vocabularySize, Func<LoopLoad> load) : ITokenEngine
{
    private const int ContextLength = 4_096;
    private static readonly float[] Logprobs = [.. Enumerable.Range(0, ContextLength).Select(i => -0.01f * (i % 97 + 1))];

    public string Name => "scripted";

    public EngineModel Model { get; } = new("scripted", vocabularySize, ContextLength, [], WeightVersion: 1);

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        LoopLoad current = load();
        current.Overhead.TurnAsked(request.Id);
        ReadOnlyMemory<int> turn = current.Script.Next(request.Tokens.Span);
        if (current.Generate is { } generate)
            await generate(turn.Length, cancellationToken);
        TokenChunk chunk = new(turn, Logprobs.AsMemory(0, turn.Length), null, Model.WeightVersion, FinishReason.Stop);
        current.Overhead.TurnAnswered(request.Id);
        yield return chunk;
    }
}
