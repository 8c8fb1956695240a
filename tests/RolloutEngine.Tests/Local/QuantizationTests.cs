using System.Text.Json;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Local;

/// <summary>
/// Weights in BF16 or as bytes, and keys and values as bytes, on a trained model. <c>tiny-agent-episodes.jsonl</c> holds what <c>agentrollout rollout --temperature 0 --split test</c>
/// played with the shipped model, 12 tasks of each environment: token ids, and which of them the model sampled.
/// </summary>
public sealed class QuantizationTests
{
    [Theory]
    [InlineData(WeightType.Auto, KvCacheType.Auto, 1.0)]
    [InlineData(WeightType.Bfloat16, KvCacheType.Auto, 0.99)]
    [InlineData(WeightType.Int8, KvCacheType.Auto, 0.99)]
    [InlineData(WeightType.Auto, KvCacheType.Int8, 0.99)]
    public async Task Greedy_tokens_of_episodes_are_those_that_were_played(WeightType weights, KvCacheType kvCache, double least)
    {
        await using LocalEngine engine = LocalEngine.Load(
            SharedFiles.InRepository("models", "tiny-agent"), new EngineOptions { Threads = 1, WeightType = weights, KvCacheType = kvCache }, NullLoggerFactory.Instance);
        int sampled = 0, agreed = 0;
        foreach (string line in File.ReadLines(SharedFiles.InRepository("tests", "RolloutEngine.Tests", "Fixtures", "tiny-agent-episodes.jsonl")))
        {
            using JsonDocument episode = JsonDocument.Parse(line);
            int[] tokens = [.. Integers(episode, "tokens")], mask = [.. Integers(episode, "sampled")];
            IReadOnlyList<ScoredToken> scores = await engine.ScoreAsync(new ScoreRequest { Tokens = tokens, Sampling = new SamplingParams(Temperature: 0) }, TestContext.Current.CancellationToken);
            for (int i = 1; i < tokens.Length; i++)
            {
                sampled += mask[i];
                agreed += mask[i] == 1 && scores[i - 1].SamplingLogprob == 0f ? 1 : 0;
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{agreed} of {sampled} sampled tokens agree.");
        Assert.InRange(sampled, 500, int.MaxValue);
        Assert.InRange((double)agreed / sampled, least, 1);
    }

    private static IEnumerable<int> Integers(JsonDocument document, string key) =>
        document.RootElement.GetProperty(key).EnumerateArray().Select(number => number.GetInt32());
}
