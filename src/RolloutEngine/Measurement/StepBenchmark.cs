using System.Diagnostics;
using AgentRollout.RolloutEngine.Backends;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Measurement;

/// <summary>
/// Times steps of a model by themselves: batches as the scheduler would make them, without requests, so that any context is there at once.
/// </summary>
public sealed class StepBenchmark : IAsyncDisposable
{
    private const int WarmUpSteps = 2;

    private readonly LocalEngine _engine;
    private readonly ModelWork _work;
    private readonly ForwardBatch _batch;
    private readonly SampledToken[] _results;
    private readonly int _maxBatchTokens;

    private StepBenchmark(LocalEngine engine, ModelConfig config, EngineOptions options)
    {
        _engine = engine;
        _work = new ModelWork(config, engine.WeightBytes, engine.Runner.PageBytes);
        _maxBatchTokens = options.MaxBatchTokens;
        _batch = new ForwardBatch(_maxBatchTokens);
        _results = new SampledToken[_maxBatchTokens];
    }

    /// <summary>The instructions that the kernels use.</summary>
    public string ComputePath => _engine.ComputePath;

    /// <summary>Loads a model as <see cref="LocalEngine"/> does.</summary>
    /// <exception cref="EngineException">The folder or an option is refused.</exception>
    public static StepBenchmark Load(string directory, EngineOptions options, ILoggerFactory loggerFactory) =>
        new(LocalEngine.Load(directory, options, loggerFactory), ModelConfig.Load(directory), options);

    /// <summary>Decodes one token for each of <paramref name="batch"/> sequences, step after step, each with its own keys and values.</summary>
    /// <param name="context">Tokens of every sequence before the first measured step, at least 1.</param>
    /// <exception cref="EngineException">The batch does not fit a step or its pages the memory.</exception>
    public StepMeasurement Decode(int batch, int context, int steps)
    {
        if (batch > _maxBatchTokens)
            throw new EngineException($"A batch of {batch} does not fit a step of {_maxBatchTokens} tokens.");
        int[][] pages = FillPages(batch, context, WarmUpSteps + steps);
        StepMeasurement measurement = new(batch, steps);
        for (int step = 0; step < WarmUpSteps + steps; step++)
        {
            _batch.Clear();
            for (int sequence = 0; sequence < batch; sequence++)
            {
                _batch.BeginSequence(pages[sequence]);
                _batch.AddToken(TokenAt(context + step, sequence), context + step);
                _batch.AddOutput(SamplingParams.Default, seed: (ulong)sequence, forced: null);
            }

            StepMeasurement.StepTime time = RunBatch();
            long visible = batch * (context + step + 1L);
            if (step >= WarmUpSteps)
                measurement.AddStep(time, _work.Operations(batch, visible, outputs: batch), _work.Bytes(visible), endsRound: true);
        }

        return measurement;
    }

    /// <summary>Computes a prompt, <paramref name="rounds"/> times, in chunks of the most tokens of a step.</summary>
    /// <exception cref="EngineException">The pages do not fit the memory.</exception>
    public StepMeasurement Prefill(int tokens, int rounds)
    {
        int[] pages = TakePages(1, tokens)[0];
        StepMeasurement measurement = new(tokens, rounds);
        Prefill(pages, tokens, salt: 0, new StepMeasurement(tokens, 1));
        for (int round = 1; round <= rounds; round++)
            Prefill(pages, tokens, round, measurement);
        return measurement;
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    private void Prefill(int[] pages, int tokens, int salt, StepMeasurement measurement)
    {
        for (int first = 0; first < tokens; first += _maxBatchTokens)
        {
            int count = Math.Min(_maxBatchTokens, tokens - first);
            bool isLast = first + count == tokens;
            _batch.Clear();
            _batch.BeginSequence(pages);
            for (int position = first; position < first + count; position++)
                _batch.AddToken(TokenAt(position, salt), position);
            if (isLast)
                _batch.AddOutput(SamplingParams.Default, seed: 0, forced: null);
            long visible = count * (2L * first + count + 1) / 2;
            measurement.AddStep(RunBatch(), _work.Operations(count, visible, isLast ? 1 : 0), _work.Bytes(first + count), endsRound: isLast);
        }
    }

    private StepMeasurement.StepTime RunBatch()
    {
        TimeSpan processorTime = Environment.CpuUsage.TotalTime;
        long started = Stopwatch.GetTimestamp();
        _engine.Runner.Run(_batch, _results);
        return new StepMeasurement.StepTime(Stopwatch.GetElapsedTime(started), Environment.CpuUsage.TotalTime - processorTime);
    }

    /// <summary>Computes the context once and copies it: sequences that share no memory, as different prompts would not.</summary>
    private int[][] FillPages(int batch, int context, int steps)
    {
        int[][] pages = TakePages(batch, context + steps);
        Prefill(pages[0], context, salt: 0, new StepMeasurement(context, 1));
        for (int sequence = 1; sequence < batch; sequence++)
        {
            int[] target = pages[sequence];
            _engine.Runner.CopyPages([.. pages[0].Take(PagePool.PagesFor(context)).Select((page, i) => (page, target[i]))]);
        }

        return pages;
    }

    private int[][] TakePages(int sequences, int tokens)
    {
        int each = PagePool.PagesFor(tokens);
        if ((long)sequences * each > _engine.Runner.PageCount)
            throw new EngineException($"{sequences} sequences of {tokens} tokens need {(long)sequences * each} pages; the engine has memory for {_engine.Runner.PageCount}.");
        return [.. Enumerable.Range(0, sequences).Select(sequence => Enumerable.Range(sequence * each, each).ToArray())];
    }

    private int TokenAt(int position, int salt) => (int)((position * 7919L + salt * 31) % _engine.Model.VocabularySize);
}
