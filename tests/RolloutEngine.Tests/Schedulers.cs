using AgentRollout.RolloutEngine.Cache;
using AgentRollout.RolloutEngine.Scheduling;

namespace AgentRollout.RolloutEngine.Tests;

/// <summary>Schedulers without an engine around them.</summary>
internal static class Schedulers
{
    public static Scheduler Create(int pages, EngineOptions options, TimeProvider? time = null) => new(Cache(pages, options, time), options);

    public static PrefixCache Cache(int pages, EngineOptions options, TimeProvider? time = null) => new(
        new PagePool(pages), options.PrefixCache, new PrefixLeases(TimeSpan.FromSeconds(options.LeaseSeconds), time ?? TimeProvider.System));
}
