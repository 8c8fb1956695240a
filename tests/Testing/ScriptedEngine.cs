using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Testing;

/// <summary>An engine without a model: it validates, streams, stops and cancels as engines do, but a script chooses the tokens.</summary>
public sealed class ScriptedEngine : ITokenEngine
{
    private readonly Func<GenerationRequest, ScriptedAnswer> _script;
    private readonly TimeProvider _time;
    private readonly ConcurrentQueue<GenerationRequest> _requests = new();
    private int _running;

    /// <param name="script">Chooses the answer to a request; may be called from many threads. What it throws fails the request.</param>
    /// <param name="model">What the engine serves; by default a vocabulary of 1000 and a context of 4096.</param>
    /// <param name="time">Times the delays of answers.</param>
    public ScriptedEngine(Func<GenerationRequest, ScriptedAnswer> script, EngineModel? model = null, TimeProvider? time = null)
    {
        _script = script;
        _time = time ?? TimeProvider.System;
        Model = model ?? new EngineModel("scripted", VocabularySize: 1000, ContextLength: 4096, StopTokenIds: [0], WeightVersion: 0);
    }

    /// <summary>An engine that gives these answers to successive requests, whoever sends them, and fails any request after the last.</summary>
    public static ScriptedEngine InOrder(params IEnumerable<ScriptedAnswer> answers)
    {
        ConcurrentQueue<ScriptedAnswer> queue = new(answers);
        return new ScriptedEngine(request => queue.TryDequeue(out ScriptedAnswer? answer)
            ? answer
            : throw new EngineException($"Request '{request.Id}' has no answer left in the script."));
    }

    public string Name => "scripted";

    /// <summary>Settable, so that a test can raise the weight version under running requests.</summary>
    public EngineModel Model { get; set; }

    /// <summary>Every valid request so far, in the order of arrival.</summary>
    public IReadOnlyCollection<GenerationRequest> Requests => _requests;

    /// <summary>Requests whose enumeration has begun and not ended: zero again after every cancellation.</summary>
    public int Running => Volatile.Read(ref _running);

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        request.Validate(Model);
        _requests.Enqueue(request);
        Interlocked.Increment(ref _running);
        try
        {
            ScriptedAnswer answer = _script(request);
            (int end, FinishReason? finish) = EndOf(answer, request);
            for (int start = 0; start < end; start += answer.ChunkSize)
            {
                await Task.Delay(answer.Delay, _time, cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
                int stop = Math.Min(end, start + answer.ChunkSize);
                yield return Chunk(answer, request, start, stop, stop == end ? finish : null);
            }

            if (finish is null)
                throw answer.Failure ?? new EngineException($"The script of request '{request.Id}' ends without a stop token after {end} of {request.MaxNewTokens} tokens.");
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private static (int End, FinishReason? Finish) EndOf(ScriptedAnswer answer, GenerationRequest request)
    {
        if (answer.Failure is not null)
            return (Math.Min(answer.Tokens.Count, request.MaxNewTokens), null);
        for (int i = 0; i < answer.Tokens.Count && i < request.MaxNewTokens; i++)
        {
            if (request.StopTokenIds.Contains(answer.Tokens[i]))
                return (i + 1, FinishReason.Stop);
        }

        return answer.Tokens.Count >= request.MaxNewTokens
            ? (request.MaxNewTokens, FinishReason.Length)
            : (answer.Tokens.Count, answer.Finish);
    }

    private TokenChunk Chunk(ScriptedAnswer answer, GenerationRequest request, int start, int end, FinishReason? finish)
    {
        int[] tokens = [.. answer.Tokens.Take(start..end)];
        float[] logprobs = answer.Logprobs is { } given ? [.. given.Take(start..end)] : [.. tokens.Select(ScriptedAnswer.LogprobOf)];
        float[]? sampling = request.Sampling.IsRaw ? null
            : answer.SamplingLogprobs is { } other ? [.. other.Take(start..end)] : [.. logprobs];
        MissingLogprobs missing = sampling is null ? answer.Missing & MissingLogprobs.Raw : answer.Missing;
        if (missing.HasFlag(MissingLogprobs.Raw))
            Array.Fill(logprobs, float.NaN);
        if (missing.HasFlag(MissingLogprobs.Sampling))
            Array.Fill(sampling!, float.NaN);
        return new TokenChunk(
            tokens, logprobs, sampling is null ? null : (ReadOnlyMemory<float>?)sampling, Model.WeightVersion, finish,
            finish is null ? null : new GenerationTimings(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero))
        {
            Missing = missing,
            Engine = answer.Engines?[start / answer.ChunkSize],
        };
    }
}
