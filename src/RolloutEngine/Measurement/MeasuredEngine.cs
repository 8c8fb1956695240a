using System.Diagnostics;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>
/// The embedded engine with a clock on its steps: under requests, or, for steps of a given shape, on batches as its scheduler would make
/// them, so that any context is there at once.
/// </summary>
public sealed class MeasuredEngine : IAsyncDisposable
{
    private const int WarmUpSteps = 2;

    private readonly StepRecorder _recorder;
    private readonly ForwardBatch _batch;
    private readonly SampledToken[] _results;
    private readonly int _maxBatchTokens;

    private MeasuredEngine(LocalEngine engine, StepRecorder recorder, int maxBatchTokens)
    {
        (Engine, _recorder, _maxBatchTokens) = (engine, recorder, maxBatchTokens);
        _batch = new ForwardBatch(maxBatchTokens);
        _results = new SampledToken[maxBatchTokens];
    }

    public LocalEngine Engine { get; }

    /// <summary>Loads a model folder.</summary>
    /// <exception cref="EngineException">The folder or an option is refused.</exception>
    public static MeasuredEngine Load(string directory, EngineOptions options, ILoggerFactory loggerFactory)
    {
        ModelConfig config = ModelConfig.Load(directory);
        StepRecorder? recorder = null;
        LocalEngine engine = LocalEngine.Load(
            directory, options, loggerFactory, TimeProvider.System,
            (runner, weightBytes) => recorder = new StepRecorder(runner, new ModelWork(config, weightBytes, runner.PageBytes)));
        return new MeasuredEngine(engine, recorder!, options.MaxBatchTokens);
    }

    /// <summary>Measures while a load runs; the engine must be idle before and after.</summary>
    public async Task<StepMeasurement> MeasureAsync(Func<Task> load)
    {
        _recorder.Clear();
        TimeSpan processorTime = Environment.CpuUsage.TotalTime;
        long started = Stopwatch.GetTimestamp();
        await load();
        return Finish(started, processorTime);
    }

    /// <summary>Decodes one token for each of <paramref name="batch"/> sequences, step after step, each with its own keys and values. For an engine that had no requests: it writes on any page.</summary>
    /// <param name="context">Tokens of every sequence before the first measured step, at least 1.</param>
    /// <exception cref="EngineException">The batch does not fit a step or its pages the memory.</exception>
    public StepMeasurement Decode(int batch, int context, int steps)
    {
        if (batch > _maxBatchTokens)
            throw new EngineException($"A batch of {batch} does not fit a step of {_maxBatchTokens} tokens.");
        int[][] pages = FillPages(batch, context, WarmUpSteps + steps);
        for (int step = 0; step < WarmUpSteps; step++)
            DecodeStep(pages, context + step);

        _recorder.Clear();
        TimeSpan processorTime = Environment.CpuUsage.TotalTime;
        long started = Stopwatch.GetTimestamp();
        for (int step = WarmUpSteps; step < WarmUpSteps + steps; step++)
            DecodeStep(pages, context + step);
        return Finish(started, processorTime);
    }

    /// <summary>Computes a prompt in chunks of the most tokens of a step. For an engine that had no requests: it writes on any page.</summary>
    /// <param name="salt">Another one gives another prompt.</param>
    /// <exception cref="EngineException">The pages do not fit the memory.</exception>
    public StepMeasurement Prefill(int tokens, int salt)
    {
        int[] pages = TakePages(1, tokens)[0];
        _recorder.Clear();
        TimeSpan processorTime = Environment.CpuUsage.TotalTime;
        long started = Stopwatch.GetTimestamp();
        Prefill(pages, tokens, salt);
        return Finish(started, processorTime);
    }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    private StepMeasurement Finish(long started, TimeSpan processorTime) =>
        new([.. _recorder.Steps], Stopwatch.GetElapsedTime(started), Environment.CpuUsage.TotalTime - processorTime);

    private void DecodeStep(int[][] pages, int position)
    {
        _batch.Clear();
        for (int sequence = 0; sequence < pages.Length; sequence++)
        {
            _batch.BeginSequence(pages[sequence]);
            _batch.AddToken(TokenAt(position, sequence), position);
            _batch.AddOutput(SamplingParams.Default, seed: (ulong)sequence, forced: null);
        }

        _recorder.Run(_batch, _results);
    }

    private void Prefill(int[] pages, int tokens, int salt)
    {
        for (int first = 0; first < tokens; first += _maxBatchTokens)
        {
            int end = Math.Min(first + _maxBatchTokens, tokens);
            _batch.Clear();
            _batch.BeginSequence(pages);
            for (int position = first; position < end; position++)
                _batch.AddToken(TokenAt(position, salt), position);
            if (end == tokens)
                _batch.AddOutput(SamplingParams.Default, seed: 0, forced: null);
            _recorder.Run(_batch, _results);
        }
    }

    /// <summary>Computes the context once and copies it: sequences that share no memory, as different prompts would not.</summary>
    private int[][] FillPages(int batch, int context, int steps)
    {
        int[][] pages = TakePages(batch, context + steps);
        Prefill(pages[0], context, salt: 0);
        foreach (int[] target in pages.AsSpan(1))
            _recorder.CopyPages([.. pages[0].Take(PagePool.PagesFor(context)).Select((page, i) => (page, target[i]))]);
        return pages;
    }

    private int[][] TakePages(int sequences, int tokens)
    {
        int each = PagePool.PagesFor(tokens);
        if ((long)sequences * each > _recorder.PageCount)
            throw new EngineException($"{sequences} sequences of {tokens} tokens need {(long)sequences * each} pages; the engine has memory for {_recorder.PageCount}.");
        return [.. Enumerable.Range(0, sequences).Select(sequence => Enumerable.Range(sequence * each, each).ToArray())];
    }

    private int TokenAt(int position, int salt) => (int)((position * 7919L + salt * 31) % Engine.Model.VocabularySize);
}
