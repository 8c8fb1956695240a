using System.Globalization;
using System.Text.Json;

namespace AgentRollout.Gateway.Bench;

/// <summary>What updates of the weights cost, in milliseconds (medians), beside what a copy and an HTTP request of the same bytes cost.</summary>
internal sealed record WeightReport
{
    public required string Model { get; init; }

    public required long Bytes { get; init; }

    /// <summary>A plain copy of the bytes from the file's pages to memory that was used before, with as many threads.</summary>
    public required double CopyMs { get; init; }

    /// <summary>An update from a file in memory: packed and in use.</summary>
    public required double UpdateMs { get; init; }

    /// <summary>The same by phase.</summary>
    public required IReadOnlyDictionary<string, double> PhasesMs { get; init; }

    /// <summary>A request with the bytes that throws them away.</summary>
    public required double DiscardMs { get; init; }

    /// <summary>Sending the bytes as an update, without its commit.</summary>
    public required double StreamMs { get; init; }

    /// <summary><see cref="UpdateMs"/> as a multiple of <see cref="CopyMs"/>: the median of the rounds' ratios.</summary>
    public required double UpdateToCopy { get; init; }

    /// <summary>The same of processor time, which other work on the machine stretches less.</summary>
    public required double UpdateToCopyProcessorTime { get; init; }

    /// <summary>Throughput of the streamed update as a share of the discarded one: the median of the rounds' ratios.</summary>
    public required double StreamToDiscard { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, GatewayJson.Default.WeightReport);

    public string ToText() => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        {Model}: {Bytes / 1e6:N0} MB of weights
        plain copy            {CopyMs,9:N1} ms
        update from a file    {UpdateMs,9:N1} ms   {UpdateToCopy:0.00}x the copy, {UpdateToCopyProcessorTime:0.00}x its processor time ({string.Join(", ", PhasesMs.Select(phase => string.Create(CultureInfo.InvariantCulture, $"{phase.Key} {phase.Value:0.0}")))})
        HTTP, thrown away     {DiscardMs,9:N1} ms
        HTTP, as an update    {StreamMs,9:N1} ms   {StreamToDiscard:P0} of that throughput
        """);
}
