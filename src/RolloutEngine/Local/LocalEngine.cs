using System.Runtime.CompilerServices;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>
/// The embedded engine: a Hugging Face folder, computed in this process. What a sequence gets does not depend, to the bit, on what else
/// runs, on how its prompt was cut into chunks, on the number of threads, or on whether it was preempted.
/// </summary>
public sealed class LocalEngine : IEngineNode, ITokenScorer, IAsyncDisposable
{
    /// <summary>Tokens of a page of keys and values.</summary>
    public const int PageTokens = PagePool.PageTokens;

    private readonly EngineLoop _loop;
    private readonly IModelRunner _runner;
    private readonly EngineModel _model;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _changingWeights = new(1, 1);
    private string? _weightsPath;

    internal LocalEngine(EngineModel model, IModelRunner runner, EngineOptions options, ILoggerFactory loggerFactory, TimeProvider time)
    {
        (_model, _runner, _time) = (model, runner, time);
        _logger = loggerFactory.CreateLogger<LocalEngine>();
        ComputePath = runner.ComputePath;
        _loop = new EngineLoop(runner, options, model.WeightVersion, time, _logger);
    }

    public string Name => "local";

    public EngineModel Model => _model with { WeightVersion = _loop.WeightVersion };

    /// <summary>The instructions that the kernels use: <c>avx512-vnni-bf16</c>, <c>avx512-vnni</c>, <c>avx512</c>, <c>avx2-vnni</c>, <c>avx2</c>, <c>vector128</c> or <c>scalar</c>. Results do not depend on it.</summary>
    public string ComputePath { get; }

    /// <summary>Numbers in the checkpoint's tensors, a tied output layer counted once.</summary>
    public long ParameterCount { get; private init; }

    /// <summary>Memory of the packed weights.</summary>
    public long WeightBytes { get; private init; }

    /// <summary>What the engine did so far and does now.</summary>
    public EngineStatistics Statistics => _loop.Statistics;

    public Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken)
    {
        EngineStatistics now = Statistics;
        return Task.FromResult(new EngineLoad(Model.WeightVersion, now.Running, now.Waiting, (double)now.PagesInUse / now.PagesTotal));
    }

    /// <summary>Loads a model folder and starts the engine.</summary>
    /// <param name="directory">A Hugging Face folder.</param>
    /// <param name="options">Limits.</param>
    /// <param name="loggerFactory">Hears of loads, updates and crashes.</param>
    /// <param name="time">For deadlines, leases, timings and the interval of chunks.</param>
    /// <param name="weights">In place of those of the folder, which then only says the model's shape.</param>
    /// <exception cref="EngineException">The folder is damaged, asks for something the engine does not compute, or an option is out of range.</exception>
    public static LocalEngine Load(
        string directory, EngineOptions options, ILoggerFactory loggerFactory, TimeProvider? time = null, StartWeights? weights = null) =>
        Load(directory, options, loggerFactory, time ?? TimeProvider.System, (runner, _) => runner, weights);

    /// <param name="wrap">Gets the runner and the bytes of its weights, and gives the runner that the loop uses.</param>
    internal static LocalEngine Load(
        string directory, EngineOptions options, ILoggerFactory loggerFactory, TimeProvider time, Func<IModelRunner, long, IModelRunner> wrap,
        StartWeights? start = null)
    {
        long started = time.GetTimestamp();
        options.Validate();
        ModelConfig config = ModelConfig.Load(directory);
        int contextLength = ContextLength(config, options);
        using Checkpoint shipped = Checkpoint.Open(directory);
        using Checkpoint? updated = start is null ? null : Checkpoint.Open(start.Path);
        // By the folder, as it was when the weights were updated: a restart must not change results.
        KvCacheType kvCacheType = CpuKvCache.TypeFor(options.KvCacheType, shipped.IsBFloat16);
        int pageCount = PageBudget.PageCount(config, options, kvCacheType, contextLength);
        int threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        CpuWeights weights = CpuWeights.Load(config, updated ?? shipped, options.WeightType);

        KernelSet kernels = KernelSet.Widest;
        CpuModelRunner runner = new(config, weights, kernels, pageCount, contextLength, options.MaxBatchTokens, threads, kvCacheType);
        EngineModel model = new(config.Name, config.VocabularySize, contextLength, config.StopTokenIds, start?.Version ?? 0);
        LocalEngine engine = new(model, wrap(runner, weights.Bytes), options, loggerFactory, time)
        {
            ParameterCount = weights.ParameterCount,
            WeightBytes = weights.Bytes,
            _weightsPath = start?.Path ?? directory,
        };
        Log.EngineLoaded(engine._logger, config.Name, weights.ParameterCount, weights.Bytes, pageCount, threads, kernels.Name, time.GetElapsedTime(started));
        return engine;
    }

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        request.Validate(Model);
        cancellationToken.ThrowIfCancellationRequested();
        Sequence sequence = Sequence.ToGenerate(request);
        _loop.Submit(sequence);
        try
        {
            await foreach (TokenChunk chunk in sequence.Output.ReadAsync(cancellationToken))
                yield return chunk;
        }
        finally
        {
            _loop.Cancel(sequence);
        }
    }

    async Task<TokenScores> ITokenScorer.ScoreAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken)
    {
        IReadOnlyList<ScoredToken> scores = await ScoreAsync(new ScoreRequest { Tokens = tokens }, cancellationToken);
        return new TokenScores([.. scores.Select(score => score.Logprob)], Model.WeightVersion);
    }

    /// <summary>
    /// The log-probability of each token from <see cref="ScoreRequest.From"/> on, given those before it: to the bit what generation reports for the same
    /// tokens, since both take the same way through the engine.
    /// </summary>
    /// <param name="request">The tokens, and how they were sampled.</param>
    /// <param name="cancellationToken">Frees the sequence's pages.</param>
    /// <exception cref="EngineException">The tokens or parameters are refused, or the engine has stopped.</exception>
    public async Task<IReadOnlyList<ScoredToken>> ScoreAsync(ScoreRequest request, CancellationToken cancellationToken)
    {
        request.Validate(Model);
        if (request.Tokens.Length <= request.From)
            return [];
        cancellationToken.ThrowIfCancellationRequested();

        Sequence sequence = Sequence.ToScore("score", request);
        List<ScoredToken> scores = new(request.Tokens.Length - request.From);
        _loop.Submit(sequence);
        try
        {
            await foreach (TokenChunk chunk in sequence.Output.ReadAsync(cancellationToken))
                AddScores(scores, chunk, request);
            return scores;
        }
        finally
        {
            _loop.Cancel(sequence);
        }
    }

    /// <summary>Changes the weights at a step boundary: the new ones are prepared beside the old, which stay in use and untouched if anything is wrong.</summary>
    /// <exception cref="EngineException">The weights do not fit, their version is not above the one in use, or the engine is paused and was asked to finish what runs.</exception>
    public async Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken)
    {
        await _changingWeights.WaitAsync(cancellationToken);
        try
        {
            long version = update.Version ?? _loop.WeightVersion + 1;
            if (version <= _loop.WeightVersion)
                throw new EngineException($"Weight version {version} is not above version {_loop.WeightVersion}, which is in use.");
            long started = _time.GetTimestamp();
            IRunnerWeights weights = await Task.Run(() => _runner.LoadWeights(update.Path), cancellationToken);
            long loaded = _time.GetTimestamp();
            (long began, long flushed) = await UseAsync(weights, () => _loop.UseWeightsAsync(weights, version, update.Running, update.KvCache));
            _weightsPath = update.Path;
            WeightUpdateResult result = new(
                version,
                _time.GetElapsedTime(started, loaded),
                _time.GetElapsedTime(loaded, began),
                _time.GetElapsedTime(began, flushed),
                _time.GetElapsedTime(flushed));
            Log.WeightsUpdated(_logger, version, update.Path, result.Load, result.Wait, result.Flush, result.Swap);
            return result;
        }
        finally
        {
            _changingWeights.Release();
        }
    }

    /// <summary>Checks names, shapes and dtypes of a model folder or safetensors file whose values may still be missing.</summary>
    /// <exception cref="EngineException">The first tensor that <see cref="UpdateWeightsAsync"/> would refuse, by name.</exception>
    public void CheckWeights(string path) => _runner.CheckWeights(path);

    public bool IsPaused => _loop.IsPaused;

    public Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default) => _loop.PauseAsync(retract).WaitAsync(cancellationToken);

    public Task ResumeAsync(CancellationToken cancellationToken = default) => _loop.ResumeAsync().WaitAsync(cancellationToken);

    /// <summary>Forgets all keys and values that no running sequence uses; returns the number of pages that became free.</summary>
    public Task<int> FlushCacheAsync(CancellationToken cancellationToken = default) => _loop.FlushCacheAsync().WaitAsync(cancellationToken);

    async Task<int?> IWeightReceiver.FlushCacheAsync(CancellationToken cancellationToken) => await FlushCacheAsync(cancellationToken);

    /// <summary>
    /// Gives memory back to the system and tells how much that was. What generates is interrupted, what waits keeps waiting, and new requests
    /// are refused until <see cref="ResumeMemoryAsync"/>.
    /// </summary>
    public Task<ReleasedMemory> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default) =>
        _loop.ReleaseAsync(memory).WaitAsync(cancellationToken);

    async Task<ReleasedMemory?> IWeightReceiver.ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken) =>
        await ReleaseMemoryAsync(memory, cancellationToken);

    /// <summary>Takes memory back; weights are read again from where they came from last.</summary>
    /// <exception cref="EngineException">That folder or file is not there any more, or no longer fits.</exception>
    public async Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken)
    {
        await _changingWeights.WaitAsync(cancellationToken);
        try
        {
            if (!memory.HasFlag(EngineMemory.Weights) || !_loop.Released.HasFlag(EngineMemory.Weights))
            {
                await _loop.TakeBackAsync(memory & ~EngineMemory.Weights, weights: null);
                return;
            }

            IRunnerWeights weights = await Task.Run(() => _runner.LoadWeights(_weightsPath!), cancellationToken);
            await UseAsync(weights, () => _loop.TakeBackAsync(memory, weights));
        }
        finally
        {
            _changingWeights.Release();
        }
    }

    /// <summary>Ends the engine after the step that it is in; what is unfinished fails with an <see cref="EngineException"/>.</summary>
    public ValueTask DisposeAsync() => _loop.DisposeAsync();

    /// <summary>Weights belong to the runner once they are in use, and to nobody before.</summary>
    private static async Task<T> UseAsync<T>(IRunnerWeights weights, Func<Task<T>> use)
    {
        try
        {
            return await use();
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static int ContextLength(ModelConfig config, EngineOptions options)
    {
        if (options.ContextLength > config.ContextLength)
            throw new EngineException($"Engine option ContextLength is {options.ContextLength}; '{config.Name}' allows at most {config.ContextLength}.");
        return options.ContextLength > 0 ? options.ContextLength : config.ContextLength;
    }

    private static void AddScores(List<ScoredToken> scores, TokenChunk chunk, ScoreRequest request)
    {
        ReadOnlySpan<float> logprobs = chunk.Logprobs.Span, sampling = (chunk.SamplingLogprobs ?? chunk.Logprobs).Span;
        (int top, int watched) = (request.TopLogprobs, request.WatchedTokenIds.Count);
        for (int i = 0; i < logprobs.Length; i++)
        {
            scores.Add(new ScoredToken(chunk.Tokens.Span[i], logprobs[i], sampling[i])
            {
                Top = chunk.TopLogprobs?.Slice(i * top, top) ?? default,
                Watched = chunk.WatchedLogprobs?.Slice(i * watched, watched) ?? default,
            });
        }
    }
}
