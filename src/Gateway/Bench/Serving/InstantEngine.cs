using System.Runtime.CompilerServices;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench.Serving;

/// <summary>An engine without a model, which samples the same text over and over, a chunk for each token as an engine's steps give them, as fast as it is asked.</summary>
/// <param name="vocabularySize">Of the tokenizer.</param>
/// <param name="text">What it samples.</param>
internal sealed class InstantEngine(int vocabularySize, int[] text) : ITokenEngine
{
    private static readonly ReadOnlyMemory<float> Logprob = new[] { -0.5f };

    public string Name => "instant";

    public EngineModel Model { get; } = new("instant", vocabularySize, ContextLength: 8_192, [], WeightVersion: 1);

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (int i = 0; i < request.MaxNewTokens; i++)
        {
            // Tokens of an engine come from its thread, so whoever waits for one goes on on another.
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            FinishReason? finish = i == request.MaxNewTokens - 1 ? FinishReason.Length : null;
            yield return new TokenChunk(text.AsMemory(i % text.Length, 1), Logprob, null, Model.WeightVersion, finish);
        }
    }
}
