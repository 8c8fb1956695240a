namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>Computes whole sequences on the processor: <see cref="Backends.Cpu.CpuDecoderPooler"/> or <see cref="Backends.Cpu.CpuEncoder"/>.</summary>
internal interface IPoolingRunner : IDisposable
{
    /// <summary>Most token slots of one run, each sequence taking a multiple of 16; one sequence of the context length always fits.</summary>
    int MaxSlots { get; }

    /// <summary>Token types that the model knows.</summary>
    int TokenTypes { get; }

    /// <summary>Adds the vectors of all tokens that the jobs want. A job's vectors depend on its own tokens only.</summary>
    void Run(IReadOnlyList<PooledJob> jobs);
}
