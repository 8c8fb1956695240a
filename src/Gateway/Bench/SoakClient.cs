using System.Diagnostics;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench;

/// <summary>
/// One trajectory after the other, each with a few turns of random length: prompts that begin alike, all ways of sampling, priorities, and
/// requests that are given up half-way. It counts what it sent and what came back.
/// </summary>
internal sealed class SoakClient(ITokenEngine engine, int seed, int number)
{
    private const int SharedPrompts = 8;
    private const int MostTurns = 4;
    private const int MostNewTokens = 160;
    private const int KeepEvery = 40;

    private readonly Random _random = new(HashCode.Combine(seed, number));
    private int _trajectory;

    public long Requests { get; private set; }

    public long Completed { get; private set; }

    public long Cancelled { get; private set; }

    public TimeSpan LongestWait { get; private set; }

    public List<string> Problems { get; } = [];

    /// <summary>Some requests with what they got.</summary>
    public List<(GenerationRequest Request, SoakResult Result)> Kept { get; } = [];

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested && Problems.Count == 0)
                await PlayAsync(stop);
        }
        catch (EngineException exception)
        {
            Problems.Add(exception.Message);
        }
    }

    private async Task PlayAsync(CancellationToken stop)
    {
        string id = $"{number}-{_trajectory++}";
        int prompt = _random.Next(SharedPrompts), context = engine.Model.ContextLength;
        SamplingParams sampling = NextSampling();
        Random shared = new(HashCode.Combine(seed, prompt));
        List<int> tokens = [.. Enumerable.Range(0, shared.Next(1, context / 3)).Select(_ => shared.Next(engine.Model.VocabularySize))];
        int turns = _random.Next(1, MostTurns + 1);
        for (int turn = 0; turn < turns && !stop.IsCancellationRequested; turn++)
        {
            tokens.AddRange(Enumerable.Range(0, _random.Next(context / 8)).Select(_ => _random.Next(engine.Model.VocabularySize)));
            int room = context - tokens.Count;
            if (room < 1)
                return;
            GenerationRequest request = new()
            {
                Id = id,
                Tokens = tokens.ToArray(),
                MaxNewTokens = Math.Min(room, _random.Next(1, MostNewTokens)),
                Sampling = sampling,
                Seed = (ulong)_random.Next(),
                StopTokenIds = _random.Next(4) == 0 ? [_random.Next(engine.Model.VocabularySize)] : [],
                Priority = _random.Next(5) == 0 ? _random.Next(-2, 3) : 0,
                FairnessKey = $"{number % 4}",
                GroupKey = turn == 0 && _random.Next(2) == 0 ? $"prompt {prompt}" : null,
                CacheKey = _random.Next(3) > 0 ? id : null,
            };
            if (await SendAsync(request) is not { } result)
                return;
            tokens.AddRange(result.Tokens);
        }
    }

    private async Task<SoakResult?> SendAsync(GenerationRequest request)
    {
        int giveUpAfter = _random.Next(7) == 0 ? _random.Next(request.MaxNewTokens) : int.MaxValue;
        using CancellationTokenSource giveUp = new();
        if (giveUpAfter == 0)
            giveUp.CancelAfter(TimeSpan.FromMilliseconds(_random.Next(1, 50)));
        SoakResult result = new();
        long sent = Stopwatch.GetTimestamp();
        Requests++;
        try
        {
            await foreach (TokenChunk chunk in engine.GenerateAsync(request, giveUp.Token))
            {
                if (result.Tokens.Count == 0)
                    LongestWait = TimeSpan.FromTicks(Math.Max(LongestWait.Ticks, Stopwatch.GetElapsedTime(sent).Ticks));
                result.Add(chunk);
                if (result.Finish is null && result.Tokens.Count >= giveUpAfter)
                    await giveUp.CancelAsync();
            }
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            Cancelled++;
            return null;
        }

        Completed++;
        if (result.Problem(request) is { } problem)
            Problems.Add($"Request '{request.Id}' {problem}.");
        else if (Completed % KeepEvery == 1)
            Kept.Add((request, result));
        return result;
    }

    private SamplingParams NextSampling() => _random.Next(5) switch
    {
        0 => new SamplingParams(Temperature: 0),
        1 => new SamplingParams(Temperature: 0.7f, TopK: _random.Next(1, 100)),
        2 => new SamplingParams(Temperature: 1.3f, TopP: 0.9f),
        3 => new SamplingParams(MinP: 0.05f),
        _ => SamplingParams.Default,
    };
}
