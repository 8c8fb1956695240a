using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Bench.Serving;

/// <summary>What <c>bench gateway</c> measured; the first three figures are OpenAI's dialect with one client.</summary>
internal sealed record GatewayReport
{
    /// <summary>What an answer of 16 tokens at once takes longer than the engine called in the process.</summary>
    public Percentiles AddedCallMs => Dialects["openai"][Alone].AddedCallMs;

    /// <summary>What each further token of a stream takes longer.</summary>
    public Percentiles AddedTokenUs => Dialects["openai"][Alone].AddedTokenUs;

    /// <summary>Answers of 16 tokens at once, with as many clients as give the most.</summary>
    public double RequestsPerSecond => Dialects["openai"].Values.Max(figures => figures.RequestsPerSecond);

    /// <summary>By dialect and by the number of clients that wait at once.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<int, DialectFigures>> Dialects { get; init; }

    private int Alone => Dialects["openai"].Keys.Min();

    public string ToJson() => JsonSerializer.Serialize(this, GatewayReportJson.Default.GatewayReport);

    public string ToText() => string.Join('\n', Dialects.SelectMany(dialect => dialect.Value.Select(pair => string.Create(
        CultureInfo.InvariantCulture,
        $"{dialect.Key,-8} {pair.Key,4} clients   call +{pair.Value.AddedCallMs.Median:0.000} ms median, +{pair.Value.AddedCallMs.P99:0.000} ms p99"
        + $"   token +{pair.Value.AddedTokenUs.Median:0.0} us median, +{pair.Value.AddedTokenUs.P99:0.0} us p99"
        + $"   {pair.Value.RequestsPerSecond:N0} requests/s, {pair.Value.TokensPerSecond:N0} streamed tokens/s"))));
}

/// <summary>One dialect with so many clients, each of which sends its next request when it has its answer, so that more than a few have the processors waited for.</summary>
/// <param name="AddedCallMs">Beside the engine called in the process by as many at once.</param>
/// <param name="AddedTokenUs">The same of each further token of a stream.</param>
/// <param name="RequestsPerSecond">Answers of 16 tokens at once.</param>
/// <param name="TokensPerSecond">Of all streams together.</param>
internal sealed record DialectFigures(Percentiles AddedCallMs, Percentiles AddedTokenUs, double RequestsPerSecond, double TokensPerSecond);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(GatewayReport))]
internal sealed partial class GatewayReportJson : JsonSerializerContext;
