using System.Diagnostics.Metrics;
using AgentRollout.Environments;
using AgentRollout.Gateway.Pending;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Routing;
using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway.Metrics;

/// <summary>What can be observed of one server whenever somebody asks: rollouts, trajectories, the engine, sandboxes (docs/observability.md).</summary>
internal sealed class Gauges
{
    private const string State = "agentrollout.state";
    private const string Stage = "agentrollout.stage";

    private static readonly string[] Stages = [.. Enum.GetValues<WaitsFor>().Select(StatusText.Of)];

    private readonly Meter _meter;

    /// <param name="meters">Makes the meter and disposes it.</param>
    /// <param name="registry">Null where there are no rollouts in this process; so are the next two.</param>
    /// <param name="sandboxes">Null where there are none in this process.</param>
    public Gauges(
        IMeterFactory meters,
        GatewayOptions options,
        Policy policy,
        RolloutRegistry? registry = null,
        RolloutQueue? queue = null,
        PendingTrajectories? pending = null,
        SandboxPool? sandboxes = null)
    {
        _meter = meters.Create(Meters.GatewayName);
        if (registry is not null && queue is not null)
            AddRollouts(registry, queue);
        if (pending is not null)
            AddTrajectories(pending, options.Watchdog);
        if (policy.Engine is LocalEngine engine)
            AddEngine(engine);
        if (policy.Engine is RouterEngine router)
            AddFleet(router);
        if (sandboxes is not null)
        {
            Observe("agentrollout.sandboxes", "{sandbox}", "Sandboxes by what they do.", () =>
                [Of(sandboxes.WarmCount, State, "warm"), Of(sandboxes.LeaseCount, State, "leased")]);
        }
    }

    private void AddRollouts(RolloutRegistry registry, RolloutQueue queue) =>
        Observe("agentrollout.rollouts", "{rollout}", "Rollouts that wait or play.", () =>
        {
            int waiting = queue.Count;
            return [Of(waiting, State, "queued"), Of(Math.Max(0, registry.Live.Count() - waiting), State, "running")];
        });

    private void AddTrajectories(PendingTrajectories pending, WatchdogSettings watchdog)
    {
        Observe("agentrollout.trajectories", "{trajectory}", "Trajectories in play by what they wait for.", () =>
            ByStage(pending.List(), (stage, waiting) => Of(waiting.Count(), Stage, stage)));
        Observe("agentrollout.trajectories.hanging", "{trajectory}", "Trajectories in play that exceed a limit of the watchdog.", () =>
        {
            ILookup<string, ExceededLimit> hangs = pending.List().SelectMany(watchdog.ExceededBy).ToLookup(limit => limit.Stage);
            return [.. Stages.Append(ExceededLimit.Trajectory).Select(stage => Of(hangs[stage].Count(), Stage, stage))];
        });
        _meter.CreateObservableGauge(
            "agentrollout.trajectories.longest_wait",
            () => ByStage(pending.List(), (stage, waiting) => new Measurement<double>(
                waiting.Select(trajectory => trajectory.QuietMs / 1_000).DefaultIfEmpty().Max(), new KeyValuePair<string, object?>(Stage, stage))),
            "s",
            "The longest time that a trajectory in play has waited without a sign of life.");
    }

    /// <summary>One measurement for every stage, so that none disappears while nothing is in it.</summary>
    private static IEnumerable<Measurement<T>> ByStage<T>(
        IReadOnlyList<PendingTrajectory> pending, Func<string, IEnumerable<PendingTrajectory>, Measurement<T>> measure)
        where T : struct
    {
        ILookup<string, PendingTrajectory> byStage = pending.ToLookup(trajectory => StatusText.Of(trajectory.WaitsFor));
        return Stages.Select(stage => measure(stage, byStage[stage]));
    }

    private void AddEngine(LocalEngine engine)
    {
        Observe("agentrollout.engine.sequences", "{sequence}", "Sequences of the engine: with pages, or waiting for them.", () =>
        {
            EngineStatistics now = engine.Statistics;
            return [Of(now.Running, State, "running"), Of(now.Waiting, State, "waiting")];
        });
        Observe("agentrollout.engine.kv_pages", "{page}", "Pages of 16 token slots by what holds them.", () =>
        {
            EngineStatistics now = engine.Statistics;
            int free = now.PagesTotal - now.PagesInUse - now.PagesLeased - now.PagesCached;
            return [Of(now.PagesInUse, State, "in_use"), Of(now.PagesLeased, State, "leased"), Of(now.PagesCached, State, "cached"), Of(free, State, "free")];
        });
        _meter.CreateObservableCounter(
            "agentrollout.engine.tokens",
            () =>
            {
                EngineStatistics now = engine.Statistics;
                return (Measurement<long>[])
                [
                    Of(now.SampledTokens, "agentrollout.token.source", "sampled"),
                    Of(now.PrefillTokens, "agentrollout.token.source", "computed"),
                    Of(now.PrefixHitTokens, "agentrollout.token.source", "cached"),
                ];
            },
            "{token}",
            "Tokens that were sampled, known ones that were computed, and known ones that the prefix cache had.");
        Count("agentrollout.engine.steps", "{step}", "Forward passes.", now => now.Steps);
        Count("agentrollout.engine.preemptions", "{sequence}", "Sequences that lost their pages to one before them.", now => now.Preemptions);
        Count("agentrollout.engine.evictions", "{page}", "Cached pages that were given up for others.", now => now.Evictions);
        _meter.CreateObservableCounter("agentrollout.engine.busy.time", () => engine.Statistics.BusySeconds, "s", "Time spent in forward passes.");
        _meter.CreateObservableGauge("agentrollout.engine.weight_version", () => engine.Model.WeightVersion, null, "The weights in use.");

        void Count(string name, string unit, string description, Func<EngineStatistics, long> value) =>
            _meter.CreateObservableCounter(name, () => value(engine.Statistics), unit, description);
    }

    private void AddFleet(RouterEngine router)
    {
        const string Engine = "agentrollout.engine.name";
        Observe("agentrollout.engines", "{engine}", "Engines of the fleet by whether they can be sent requests.", () =>
        {
            ILookup<EngineState, EngineStatus> engines = router.Engines.ToLookup(engine => engine.State);
            return Enum.GetValues<EngineState>().Select(state => Of(engines[state].Count(), State, StatusText.Of(state)));
        });
        Observe("agentrollout.engine.requests.in_flight", "{request}", "Requests that an engine of the fleet has.", () =>
            router.Engines.Select(engine => Of(engine.InFlight, Engine, engine.Name)));
        _meter.CreateObservableCounter(
            "agentrollout.engine.requests", () => router.Engines.Select(engine => Of(engine.Requests, Engine, engine.Name)), "{request}",
            "Requests that an engine of the fleet was sent.");
        _meter.CreateObservableCounter(
            "agentrollout.engine.losses", () => router.Engines.Select(engine => Of(engine.Losses, Engine, engine.Name)), "{loss}",
            "How often an engine of the fleet was lost.");
        _meter.CreateObservableCounter(
            "agentrollout.routing.choices", () => router.Choices.Select(choice => Of(choice.Value, "agentrollout.reason", StatusText.Of(choice.Key))), "{request}",
            "Requests by why they went to their engine.");
        _meter.CreateObservableGauge("agentrollout.engine.weight_version", () => router.Model.WeightVersion, null, "The newest weights of the fleet.");
    }

    private void Observe(string name, string unit, string description, Func<IEnumerable<Measurement<long>>> observe) =>
        _meter.CreateObservableUpDownCounter(name, observe, unit, description);

    private static Measurement<long> Of(long value, string label, string text) => new(value, new KeyValuePair<string, object?>(label, text));
}
