using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentRollout.Gateway.Bench;

/// <summary>
/// Computes results of a soak again, one at a time and with everything off that could change them. A result of one file's weights is generated
/// again; one that saw the weights change is scored with each file's, and every span is held to its own.
/// </summary>
internal sealed class SoakReplay(SoakOptions options, SoakOperator versions)
{
    /// <summary>Results that were generated again, and results that were scored span by span.</summary>
    public (int Generated, int Scored) Compared { get; private set; }

    public List<string> Problems { get; } = [];

    public async Task RunAsync(SoakWeights weights, IReadOnlyCollection<SoakAnswer> answers)
    {
        foreach (string file in new[] { weights.Own, weights.Other })
        {
            EngineOptions engineOptions = new()
            {
                Threads = 1, ContextLength = EngineSoak.ContextLength, PrefixCache = false, MaxRunningSequences = 1,
                WeightType = options.WeightType, KvCacheType = options.KvCacheType,
            };
            await using LocalEngine alone = LocalEngine.Load(options.Model, engineOptions, NullLoggerFactory.Instance, weights: new StartWeights(file, 0));
            foreach (SoakAnswer answer in answers)
                await CompareAsync(alone, file, answer);
        }
    }

    private async Task CompareAsync(LocalEngine alone, string file, SoakAnswer answer)
    {
        bool[] isOfFile = [.. answer.Result.Spans.Select(span => versions.FileOf(span.WeightVersion) == file)];
        if (isOfFile.Length == 0 || !isOfFile.Contains(true))
            return;
        bool isWhole = !isOfFile.Contains(false);
        if (!(isWhole ? await IsGeneratedAsync(alone, answer) : await IsScoredAsync(alone, answer, isOfFile)))
            Problems.Add($"Request '{answer.Request.Id}' got other tokens or log-probabilities alone.");
        // A changed result is looked at once with each file.
        Compared = isWhole ? (Compared.Generated + 1, Compared.Scored) : (Compared.Generated, Compared.Scored + (isOfFile[0] ? 1 : 0));
    }

    private static async Task<bool> IsGeneratedAsync(LocalEngine alone, SoakAnswer answer)
    {
        bool isPart = answer.Result.IsPart;
        SoakResult again = new();
        GenerationRequest request = answer.Request with
        {
            MaxNewTokens = isPart ? answer.Result.Tokens.Count : answer.Request.MaxNewTokens, Deadline = null,
        };
        await foreach (TokenChunk chunk in alone.GenerateAsync(request, CancellationToken.None))
            again.Add(chunk);
        return again.HasTheSameTokens(answer.Result) && (isPart || again.Finish == answer.Result.Finish);
    }

    private static async Task<bool> IsScoredAsync(LocalEngine alone, SoakAnswer answer, bool[] isOfFile)
    {
        (GenerationRequest request, SoakResult result) = answer;
        ScoreRequest score = new()
        {
            Tokens = (int[])[.. request.Tokens.Span, .. result.Tokens],
            Sampling = request.Sampling,
            Starts = [request.Tokens.Length],
            StopTokenIds = request.StopTokenIds,
        };
        IReadOnlyList<ScoredToken> scores = await alone.ScoreAsync(score, CancellationToken.None);
        for (int span = 0; span < isOfFile.Length; span++)
        {
            int end = span + 1 < isOfFile.Length ? result.Spans[span + 1].Start : result.Tokens.Count;
            for (int i = result.Spans[span].Start; isOfFile[span] && i < end; i++)
            {
                if (!result.IsScoredAs(i, scores[request.Tokens.Length + i - 1]))
                    return false;
            }
        }

        return true;
    }
}
