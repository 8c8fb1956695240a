using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Backends.Cpu.Kernels;
using AgentRollout.RolloutEngine.Weights;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>
/// A model that gives one vector per sequence instead of tokens: an embedding model, or a classifier such as a reward model. Requests that
/// wait are computed together; what a sequence gets does not depend, to the bit, on what else is in its batch or on the number of threads.
/// </summary>
public sealed class PooledEngine : IAsyncDisposable
{
    private readonly PoolingLoop _loop;
    private readonly int _tokenTypes;

    private PooledEngine(PooledModel model, IPoolingRunner runner, PoolingHead? head, string computePath, ILogger logger)
    {
        (Model, ComputePath) = (model, computePath);
        _tokenTypes = runner.TokenTypes;
        _loop = new PoolingLoop(runner, head, logger);
    }

    public PooledModel Model { get; }

    /// <summary>The instructions that the kernels use, as <see cref="Local.LocalEngine.ComputePath"/>.</summary>
    public string ComputePath { get; }

    /// <summary>Whether a folder holds a model of this kind and not one that generates.</summary>
    public static bool IsPooled(string directory) => PooledModelConfig.IsPooled(directory);

    /// <summary>What a folder holds, without its weights.</summary>
    /// <exception cref="EngineException">A file is missing, or asks for something that the engine does not compute.</exception>
    public static PooledModel Describe(string directory) => PooledModelConfig.Load(directory).Describe(new EngineOptions());

    /// <summary>Loads a folder of Hugging Face: a decoder or encoder without a head, a decoder whose output layer is left out, or a classifier.</summary>
    /// <exception cref="EngineException">The folder is damaged, asks for something the engine does not compute, or an option is out of range.</exception>
    public static PooledEngine Load(string directory, EngineOptions options, ILoggerFactory loggerFactory) =>
        Load(directory, options, loggerFactory, KernelSet.Widest);

    internal static PooledEngine Load(string directory, EngineOptions options, ILoggerFactory loggerFactory, KernelSet kernels)
    {
        options.Validate();
        PooledModelConfig config = PooledModelConfig.Load(directory);
        PooledModel model = config.Describe(options);
        int threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        using Checkpoint checkpoint = Checkpoint.Open(directory);
        IPoolingRunner runner = config.Encoder is { } encoder
            ? CpuEncoder.Load(encoder, checkpoint, config.Labels.Count, options, kernels, threads, out PoolingHead? head)
            : CpuDecoderPooler.Load(config.Decoder!, checkpoint, config.Labels.Count, model.ContextLength, options, kernels, threads, out head);
        return new PooledEngine(model, runner, head, kernels.Name, loggerFactory.CreateLogger<PooledEngine>());
    }

    /// <summary>The embedding of a sequence: its pooled vector, of length 1 where the model normalises.</summary>
    /// <exception cref="EngineException">The model is a classifier, the request is refused, or the engine has stopped.</exception>
    public async Task<float[]> EmbedAsync(PooledRequest request, CancellationToken cancellationToken)
    {
        if (Model.Labels.Count > 0)
            throw new EngineException($"'{Model.Name}' is a classifier with the labels {string.Join(", ", Model.Labels)}; it gives no embeddings.");
        float[] vector = await RunAsync(request, cancellationToken);
        return Model.Normalize ? Normalized(vector) : vector;
    }

    /// <summary>The head's outputs for a sequence, before any softmax: one for each label; a reward model's score is its only one.</summary>
    /// <exception cref="EngineException">The model has no head, the request is refused, or the engine has stopped.</exception>
    public Task<float[]> ClassifyAsync(PooledRequest request, CancellationToken cancellationToken) => Model.Labels.Count > 0
        ? RunAsync(request, cancellationToken)
        : throw new EngineException($"'{Model.Name}' is a {Model.Architecture} without a classification head; it gives embeddings only.");

    public ValueTask DisposeAsync() => _loop.DisposeAsync();

    private async Task<float[]> RunAsync(PooledRequest request, CancellationToken cancellationToken)
    {
        request.Validate(Model, _tokenTypes);
        cancellationToken.ThrowIfCancellationRequested();
        PooledJob job = new(request, Model.Pooling, Model.HiddenSize);
        using CancellationTokenRegistration registration = cancellationToken.Register(() => job.Result.TrySetCanceled(cancellationToken));
        _loop.Submit(job);
        float[] result = await job.Result.Task;
        return result.All(float.IsFinite) ? result : throw new EngineException($"Request '{request.Id}' led to numbers that are not finite.");
    }

    private static float[] Normalized(float[] vector)
    {
        double length = Math.Sqrt(vector.Sum(x => (double)x * x));
        return length == 0 ? vector : [.. vector.Select(x => (float)(x / length))];
    }
}
