using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Bench;

/// <summary>The figures of <c>bench sandbox</c>. What was not measured is null, as is what the machine has no command for.</summary>
internal sealed record SandboxReport
{
    public required string Runtime { get; init; }

    /// <summary>A cell through the whole path: the bus, the lease, the interpreter, and back.</summary>
    public Percentiles? PythonCellMs { get; init; }

    /// <summary><c>docker exec CONTAINER python3 -c CELL</c>.</summary>
    public Percentiles? DockerExecMs { get; init; }

    /// <summary><c>docker run --rm IMAGE python3 -c CELL</c>.</summary>
    public Percentiles? DockerRunMs { get; init; }

    /// <summary>A sandbox that answers, from the warm pool.</summary>
    public Percentiles? LeaseMs { get; init; }

    /// <summary>How many times longer the median <c>docker exec</c> takes than the median cell.</summary>
    public double? ExecOverCell => OverCell(DockerExecMs);

    /// <summary>How many times longer the median <c>docker run</c> takes than the median cell.</summary>
    public double? RunOverCell => OverCell(DockerRunMs);

    /// <summary>By the number of trajectories that run cells at the same time.</summary>
    public IReadOnlyDictionary<string, double> CellsPerS { get; init; } = new Dictionary<string, double>();

    public double? ContainersPerS { get; init; }

    /// <summary>What the control group of one that has run cells is charged with; null where it cannot be read.</summary>
    public double? MemoryPerContainerMib { get; init; }

    public required EpisodeFigures Episodes { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, SandboxReportJson.Default.SandboxReport);

    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"""
        runtime       {Runtime}
        python cell   {Text(PythonCellMs)}
        docker exec   {Text(DockerExecMs)}{Text(ExecOverCell, ", {0} times the cell")}
        docker run    {Text(DockerRunMs)}{Text(RunOverCell, ", {0} times the cell")}
        lease         {Text(LeaseMs)}
        cells/s       {string.Join(", ", CellsPerS.Select(pair => $"{pair.Value:0} with {pair.Key}"))}
        containers/s  {Text(ContainersPerS, "{0}")}
        memory        {Text(MemoryPerContainerMib, "{0} MiB per container")}
        episodes      {Episodes.Count}, {Episodes.Concurrency} at a time, in {Episodes.Seconds} s; {Episodes.Failed} failed, {Episodes.Orphans} orphans
        """);

    private double? OverCell(Percentiles? other) =>
        other is not null && PythonCellMs is not null ? Math.Round(other.Median / PythonCellMs.Median, 1) : null;

    private static string Text(Percentiles? times) =>
        times is null ? "not measured" : string.Create(CultureInfo.InvariantCulture, $"{times.Median} ms, p99 {times.P99} ms");

    private static string Text(double? value, string format) => value is null ? "" : string.Format(CultureInfo.InvariantCulture, format, value);

    /// <param name="Failed">Episodes whose last cell did not show what the cells before it had added up.</param>
    /// <param name="Orphans">Sandboxes that are left when the pool has stopped; null where nothing can list them.</param>
    internal sealed record EpisodeFigures(int Count, int Concurrency, double Seconds, int Failed, int? Orphans);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SandboxReport))]
internal sealed partial class SandboxReportJson : JsonSerializerContext;
