using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Bench;

/// <summary>The figures of <c>bench engine</c>.</summary>
internal sealed record EngineReport
{
    public required string Model { get; init; }

    public required EngineScenario Scenario { get; init; }

    /// <summary>The instructions that the kernels use.</summary>
    public required string Path { get; init; }

    public required int Threads { get; init; }

    public required int Batch { get; init; }

    public required int Context { get; init; }

    /// <summary>Of the median step or prompt.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Of all threads together: twice this is what two threads could reach that nobody else disturbs.</summary>
    public required double TokensPerProcessorSecond { get; init; }

    public required StepTimes StepMs { get; init; }

    /// <summary>Bytes that the steps had to read, per second, as a share of the read probe.</summary>
    public required double ShareOfDram { get; init; }

    /// <summary>Operations that the steps had to do, per second, as a share of the multiply-add probe.</summary>
    public required double ShareOfFma { get; init; }

    /// <summary>The read probe: 10⁹ bytes per second.</summary>
    public required double DramGbPerS { get; init; }

    /// <summary>The multiply-add probe: 10⁹ operations per second.</summary>
    public required double FmaGflops { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, EngineReportJson.Default.EngineReport);

    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"""
        model       {Model}, {Path}, {Threads} threads
        load        {Scenario}, batch {Batch}, context {Context}
        tokens      {TokensPerSecond:N1} per second, {TokensPerProcessorSecond:N1} per processor second
        step        {StepMs.Median:0.000} ms median, {StepMs.P99:0.000} ms p99
        memory      {ShareOfDram:P1} of {DramGbPerS:0.0} GB/s
        arithmetic  {ShareOfFma:P1} of {FmaGflops:0} Gflop/s
        """);

    /// <summary>Milliseconds of one forward pass.</summary>
    internal readonly record struct StepTimes(double Median, double P99);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(EngineReport))]
internal sealed partial class EngineReportJson : JsonSerializerContext;
