using AgentRollout.RolloutEngine.Backends.Cpu;
using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Local;

/// <summary>How many pages an engine gets.</summary>
internal static class PageBudget
{
    private const long MiB = 1 << 20;

    /// <exception cref="EngineException">Not even one sequence of the context length fits.</exception>
    public static int PageCount(ModelConfig config, EngineOptions options, KvCacheType kvCacheType, int contextLength)
    {
        long pageBytes = CpuKvCache.PageBytes(config, kvCacheType), perSequence = PagePool.PagesFor(contextLength);
        if (options.KvCacheMiB == 0)
        {
            long affordable = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 / pageBytes;
            return (int)Math.Min(int.MaxValue, Math.Max(perSequence, Math.Min(affordable, perSequence * options.MaxRunningSequences)));
        }

        long pages = options.KvCacheMiB * MiB / pageBytes;
        long needed = (perSequence * pageBytes + MiB - 1) / MiB;
        return pages >= perSequence
            ? (int)Math.Min(int.MaxValue, pages)
            : throw new EngineException($"Engine option KvCacheMiB is {options.KvCacheMiB}; one sequence of {contextLength} tokens of '{config.Name}' needs {needed}.");
    }
}
