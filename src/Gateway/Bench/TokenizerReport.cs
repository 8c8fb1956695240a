using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Bench;

/// <summary>The figures of <c>bench tokenizer</c>: medians, one thread. Megabytes are 10⁶ bytes of UTF-8.</summary>
internal sealed record TokenizerReport
{
    public required string Model { get; init; }

    public required long TextBytes { get; init; }

    public required long Tokens { get; init; }

    public required double EncodeMbPerS { get; init; }

    /// <summary>Of processor time, which says more than wall time where others use the machine.</summary>
    public required double EncodeMbPerCpuS { get; init; }

    public required double DecodeMbPerS { get; init; }

    public required double DecodeMbPerCpuS { get; init; }

    /// <summary>The first load of this process, with everything compiled on the way.</summary>
    public required double FirstLoadMs { get; init; }

    public required double LoadMs { get; init; }

    /// <summary>Bytes allocated per token while encoding, the array of ids that the caller gets included.</summary>
    public required double EncodeBytesPerToken { get; init; }

    /// <summary>Rendering the conversation of 40 messages with tools; null where the model has no chat template or it refuses the conversation.</summary>
    public required double? RenderMs { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, TokenizerReportJson.Default.TokenizerReport);

    public string ToText()
    {
        string render = RenderMs is { } milliseconds ? Number(milliseconds, "0.000") + " ms" : "no template, or it refuses tools";
        return $"""
            model       {Model}
            text        {Number(TextBytes / 1e6, "0.000")} MB, {Number(Tokens, "N0")} tokens
            encode      {Number(EncodeMbPerS, "0.00")} MB/s, {Number(EncodeMbPerCpuS, "0.00")} MB per processor second, {Number(EncodeBytesPerToken, "0.00")} bytes allocated per token
            decode      {Number(DecodeMbPerS, "0.00")} MB/s, {Number(DecodeMbPerCpuS, "0.00")} MB per processor second
            load        {Number(LoadMs, "0.0")} ms, the first {Number(FirstLoadMs, "0.0")} ms
            render      {render}
            """;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TokenizerReport))]
internal sealed partial class TokenizerReportJson : JsonSerializerContext;
