using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Bench;

/// <summary>What a soak saw.</summary>
internal sealed record SoakReport
{
    public required double Seconds { get; init; }

    public required long Requests { get; init; }

    public required long Completed { get; init; }

    public required long Cancelled { get; init; }

    public required long SampledTokens { get; init; }

    public required long PrefillTokens { get; init; }

    public required long PrefixHitTokens { get; init; }

    public required long Preemptions { get; init; }

    public required long Evictions { get; init; }

    public required long Steps { get; init; }

    /// <summary>The longest time from a request to its first token.</summary>
    public required double LongestWaitMs { get; init; }

    /// <summary>Results that were computed again alone, on an engine without a prefix cache and with one thread, and compared to the bit.</summary>
    public required int Repeated { get; init; }

    /// <summary>The process's memory after a quarter of the time, in MiB.</summary>
    public required long WorkingSetEarlyMib { get; init; }

    /// <summary>The process's memory at the end, in MiB.</summary>
    public required long WorkingSetLateMib { get; init; }

    /// <summary>A sentence for everything that should not have happened.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, SoakReportJson.Default.SoakReport);

    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"""
        requests    {Requests:N0} in {Seconds:N0} s: {Completed:N0} completed, {Cancelled:N0} cancelled
        tokens      {SampledTokens:N0} sampled, {PrefillTokens:N0} known ones computed, {PrefixHitTokens:N0} from the prefix cache
        pages       accounted for after each of {Steps:N0} steps; {Preemptions:N0} preemptions, {Evictions:N0} evictions
        wait        {LongestWaitMs:N0} ms at most for a first token
        memory      {WorkingSetEarlyMib:N0} MiB early, {WorkingSetLateMib:N0} MiB late
        repeated    {Repeated:N0} results alone, to the bit
        problems    {(Problems.Count == 0 ? "none" : string.Join(Environment.NewLine + "            ", Problems))}
        """);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SoakReport))]
internal sealed partial class SoakReportJson : JsonSerializerContext;
