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
        stored          {Storage.TurnsPerSecond,9:N0} turns/s with {Storage.Concurrency} trajectories, {Storage.Ratio:0.00}x of {Storage.TurnsPerSecondOff:N0} without a store; {Storage.EventsPerSecond:N0} writes/s
        heavy tail      {HeavyTail.Ratio,9:0.00}x the trajectories/s of lock-step ({HeavyTail.TrajectoriesPerSecond:0.000} and {HeavyTail.LockStepTrajectoriesPerSecond:0.000}); engine at {HeavyTail.EngineUtilisation:P0} and {HeavyTail.LockStepEngineUtilisation:P0}
        peak memory     {PeakRssMb,9:N0} MB
        """);
}

/// <summary>The loop with and without the server's storage.</summary>
/// <param name="Concurrency">Trajectories in play at once.</param>
/// <param name="TurnsPerSecondOff">Without.</param>
/// <param name="TurnsPerSecond">With.</param>
/// <param name="Ratio">Of the two: the median of the rounds' ratios.</param>
/// <param name="EventsPerSecond">Writes, each durable when it counts.</param>
internal sealed record StorageReport(int Concurrency, double TurnsPerSecondOff, double TurnsPerSecond, double Ratio, double EventsPerSecond);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LoopReport))]
internal sealed partial class LoopReportJson : JsonSerializerContext;
