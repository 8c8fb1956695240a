using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Bench.Loop;

/// <summary>What <c>bench loop</c> measured.</summary>
internal sealed record LoopReport
{
    /// <summary>Turns that the environment answers.</summary>
    public required double TurnsPerSecondNoTools { get; init; }

    /// <summary>Turns of which three in four call a tool over the in-memory bus.</summary>
    public required double TurnsPerSecondWithTools { get; init; }

    /// <summary>Processor time of one turn, which other work on the machine stretches less.</summary>
    public required double ProcessorUsPerTurnNoTools { get; init; }

    public required double ProcessorUsPerTurnWithTools { get; init; }

    /// <summary>Sampled in a turn with tools, on average.</summary>
    public required double TokensPerTurn { get; init; }

    /// <summary>What a turn with tools takes beside the engine, by the number of trajectories in play, at half the turns per second that the loop can do.</summary>
    public required IReadOnlyDictionary<int, Percentiles> OverheadMs { get; init; }

    public required StorageReport Storage { get; init; }

    public double HeavyTailRatio => HeavyTail.Ratio;

    public double EngineUtilisation => HeavyTail.EngineUtilisation;

    public required HeavyTailReport HeavyTail { get; init; }

    /// <summary>Of the process, all measurements included.</summary>
    public required double PeakRssMb { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, LoopReportJson.Default.LoopReport);

    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"""
        without tools   {TurnsPerSecondNoTools,9:N0} turns/s   {ProcessorUsPerTurnNoTools,7:N0} us of processor time a turn
        with tools      {TurnsPerSecondWithTools,9:N0} turns/s   {ProcessorUsPerTurnWithTools,7:N0} us, {TokensPerTurn:0.0} tokens sampled
        {string.Join('\n', OverheadMs.Select(pair => string.Create(CultureInfo.InvariantCulture, $"overhead {pair.Key,6:N0} {pair.Value.Median,9:N2} ms median, {pair.Value.P99:N2} ms p99")))}
        not journaled   {Storage.TurnsPerSecondOff,9:N0} turns/s with {Storage.Concurrency} trajectories
        journal, normal {Storage.Normal.ToText()}
        journal, full   {Storage.Full.ToText()}
        heavy tail      {HeavyTail.Ratio,9:0.00}x the trajectories/s of lock-step ({HeavyTail.TrajectoriesPerSecond:0.000} and {HeavyTail.LockStepTrajectoriesPerSecond:0.000}); engine at {HeavyTail.EngineUtilisation:P0} and {HeavyTail.LockStepEngineUtilisation:P0}
        peak memory     {PeakRssMb,9:N0} MB
        """);
}

/// <summary>The loop with and without the server's journal and store.</summary>
/// <param name="Concurrency">Trajectories in play at once.</param>
/// <param name="TurnsPerSecondOff">Without.</param>
/// <param name="Normal">With, at durability <c>normal</c>.</param>
/// <param name="Full">With, at durability <c>full</c>.</param>
internal sealed record StorageReport(int Concurrency, double TurnsPerSecondOff, JournalReport Normal, JournalReport Full);

/// <summary>The loop with the journal at one level of durability.</summary>
/// <param name="TurnsPerSecond">With it.</param>
/// <param name="Ratio">Of that and what the loop does without: the median of the rounds' ratios.</param>
/// <param name="ProcessorRatio">The same of the processor time of a turn, which other work on the machine stretches less.</param>
/// <param name="WritesPerSecond">Entries and sealed trajectories, each kept when it counts.</param>
internal sealed record JournalReport(double TurnsPerSecond, double Ratio, double ProcessorRatio, double WritesPerSecond)
{
    public string ToText() => string.Create(
        CultureInfo.InvariantCulture,
        $"{TurnsPerSecond,9:N0} turns/s, {Ratio:0.00}x of those without, {ProcessorRatio:0.00}x the processor time; {WritesPerSecond:N0} writes/s");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LoopReport))]
internal sealed partial class LoopReportJson : JsonSerializerContext;
