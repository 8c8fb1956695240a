using System.ComponentModel.DataAnnotations;
using System.Reflection;

namespace AgentRollout.RolloutEngine;

/// <summary>Limits of the embedded engine. Section: <c>Engine</c>. Those of the numbers change results; the others only when they are there.</summary>
public sealed class EngineOptions
{
    /// <summary>Threads that compute. Default 0: one per processor. Range 0 to 1024.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }

    /// <summary>
    /// Memory for keys and values in MiB. Default 0: room for <see cref="MaxRunningSequences"/> full sequences, but at most a quarter of
    /// the machine's memory. At least one full sequence must fit. The system provides the memory as pages are first used. Range 0 to 4194304.
    /// </summary>
    [Range(0, 4_194_304)]
    public int KvCacheMiB { get; set; }

    /// <summary>Most tokens of one sequence. Default 0: what the model allows; more than that is refused. Range 0 to 16777216.</summary>
    [Range(0, 16_777_216)]
    public int ContextLength { get; set; }

    /// <summary>Most tokens computed in one step, decode and prefill together; a longer prompt is prefilled in chunks. Default 512. Range 1 to 65536.</summary>
    [Range(1, 65_536)]
    public int MaxBatchTokens { get; set; } = 512;

    /// <summary>
    /// Most prompt tokens computed in a step that samples for others too, so that a long prompt delays nobody's next token much.
    /// Default 128. Range 1 to 65536.
    /// </summary>
    [Range(1, 65_536)]
    public int MaxMixedPrefillTokens { get; set; } = 128;

    /// <summary>Most sequences that generate at the same time; others wait. Default 64. Range 1 to 4096.</summary>
    [Range(1, 4096)]
    public int MaxRunningSequences { get; set; } = 64;

    /// <summary>What keys and values are kept in. Default <see cref="KvCacheType.Auto"/>: by the checkpoint. Changes results.</summary>
    public KvCacheType KvCacheType { get; set; }

    /// <summary>What the matrices are kept in. Default <see cref="WeightType.Auto"/>: as the checkpoint stores them. Changes results.</summary>
    public WeightType WeightType { get; set; }

    /// <summary>Keep what was computed for whoever begins with the same tokens. Default true.</summary>
    public bool PrefixCache { get; set; } = true;

    /// <summary>Let samples of a group wait while one of them computes their common prompt. Default true; needs <see cref="PrefixCache"/>.</summary>
    public bool SiblingScheduling { get; set; } = true;

    /// <summary>How long pages are kept for a trajectory that waits for its tools. Default 60; 0 keeps none. Range 0 to 86400.</summary>
    [Range(0.0, 86_400.0)]
    public double LeaseSeconds { get; set; } = 60;

    /// <summary>
    /// Least time between two chunks of one sequence in milliseconds, its first and last aside: waking a reader costs more than a token of
    /// a small model. Default 20; 0 gives every token its own chunk. Range 0 to 10000.
    /// </summary>
    [Range(0, 10_000)]
    public int ChunkIntervalMs { get; set; } = 20;

    /// <summary>Check the accounting of all pages after every step, and stop the engine where it is wrong. For tests and soaks: it allocates. Default false.</summary>
    public bool CheckIntegrity { get; set; }

    /// <summary>Throws for the values out of range, all of them in one message.</summary>
    /// <exception cref="EngineException">A value is out of its range.</exception>
    public void Validate()
    {
        string[] problems = [.. typeof(EngineOptions).GetProperties().Select(Problem).OfType<string>()];
        if (problems.Length > 0)
            throw new EngineException(string.Join(" ", problems));

        string? Problem(PropertyInfo option) =>
            option.GetCustomAttribute<RangeAttribute>() is { } range && option.GetValue(this) is { } value && !range.IsValid(value)
                ? $"Engine option {option.Name} is {value}; its range is {range.Minimum} to {range.Maximum}."
                : null;
    }
}
