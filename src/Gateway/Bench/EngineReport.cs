using System.Globalization;
using System.Text;
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

    /// <summary>Tokens that count: of the prompts in <c>prefill</c>, sampled ones elsewhere.</summary>
    public required long Tokens { get; init; }

    /// <summary>The whole load.</summary>
    public required double Seconds { get; init; }

    /// <summary>Of the median step in <c>decode</c>, of the median prompt in <c>prefill</c>, of the whole load elsewhere.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Of all threads together, which says more than wall time where others use the machine.</summary>
    public required double TokensPerProcessorSecond { get; init; }

    public required int Steps { get; init; }

    public required Times StepMs { get; init; }

    /// <summary>Bytes that the steps had to read, per second of step, as a share of the read probe.</summary>
    public required double ShareOfDram { get; init; }

    /// <summary>Operations that the steps had to do, per second of step, as a share of the multiply-add probe.</summary>
    public required double ShareOfFma { get; init; }

    /// <summary>The read probe: 10⁹ bytes per second.</summary>
    public required double DramGbPerS { get; init; }

    /// <summary>The multiply-add probe: 10⁹ operations per second.</summary>
    public required double FmaGflops { get; init; }

    /// <summary>Share of the steps' time that sampling took.</summary>
    public required double ShareOfSampling { get; init; }

    /// <summary>Seconds to read the model's files into new memory, right before they were loaded.</summary>
    public required double ReadSeconds { get; init; }

    /// <summary>Seconds to load the model: to map the files, and to pack what is in them.</summary>
    public required double LoadSeconds { get; init; }

    /// <summary>Known tokens that were computed; what the prefix cache gave is not among them. Null where there are no requests.</summary>
    public long? PrefillTokens { get; init; }

    /// <summary>Known tokens that the prefix cache gave. Null where there are no requests.</summary>
    public long? PrefixHitTokens { get; init; }

    /// <summary>Between two tokens of a request; in the other loads than <c>mixed</c>, between two chunks of tokens. Null where there are no requests.</summary>
    public Times? InterTokenGapMs { get; init; }

    /// <summary>From a request to its first token: median and p99; in <c>mixed</c> that of the long tool result. Null where there are no requests.</summary>
    public Times? FirstTokenMs { get; init; }

    /// <summary>Share of the time in which no step ran: scheduling and publishing. Null where there are no requests.</summary>
    public double? ShareBetweenSteps { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, EngineReportJson.Default.EngineReport);

    public string ToText()
    {
        StringBuilder text = new();
        Line($"model       {Model}, {Path}, {Threads} threads");
        Line($"scenario    {Scenario}, {Tokens:N0} tokens in {Seconds:0.00} s, {Steps} steps");
        Line($"tokens      {TokensPerSecond:N1} per second, {TokensPerProcessorSecond:N1} per processor second");
        Line($"step        {StepMs.Median:0.000} ms median, {StepMs.P99:0.000} ms p99");
        Line($"memory      {ShareOfDram:P1} of {DramGbPerS:0.0} GB/s");
        Line($"arithmetic  {ShareOfFma:P1} of {FmaGflops:0} Gflop/s");
        Line($"sampling    {ShareOfSampling:P1} of the steps");
        Line($"load        {LoadSeconds:0.000} s, {LoadSeconds / ReadSeconds:0.00} times what reading the files takes");
        if (InterTokenGapMs is { } gap && FirstTokenMs is { } first)
        {
            Line($"requests    first token after {first.Median:0.0} ms, p99 {first.P99:0.0} ms; gap {gap.Median:0.000} ms median, {gap.P99:0.000} ms p99");
            Line($"scheduler   {PrefillTokens:N0} known tokens computed, {PrefixHitTokens:N0} from the prefix cache, {ShareBetweenSteps:P1} of the time between steps");
        }

        return text.ToString().TrimEnd();

        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Milliseconds.</summary>
    internal readonly record struct Times(double Median, double P99);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EngineReport))]
internal sealed partial class EngineReportJson : JsonSerializerContext;
