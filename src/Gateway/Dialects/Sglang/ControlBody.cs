using System.Text.Json;

namespace AgentRollout.Gateway.Dialects.Sglang;

/// <summary>The bodies of all control calls in one: each reads the members that are its own, and ignores others.</summary>
internal sealed record ControlBody
{
    public string? Rid { get; set; }

    public bool? AbortAll { get; set; }

    /// <summary>Of a pause: <c>abort</c>, <c>retract</c> or <c>in_place</c>.</summary>
    public string? Mode { get; set; }

    public string? ModelPath { get; set; }

    public string? LoadFormat { get; set; }

    public bool? AbortAllRequests { get; set; }

    public bool? FlushCache { get; set; }

    /// <summary>A text, or a number that is taken for one.</summary>
    public JsonElement? WeightVersion { get; set; }

    /// <summary>A text, or a number that is taken for one.</summary>
    public JsonElement? NewVersion { get; set; }

    public IReadOnlyList<string>? Tags { get; set; }

    /// <summary>Reads the body of a request.</summary>
    /// <exception cref="Errors.InvalidInputException">It is something else than an object of these.</exception>
    public static Task<ControlBody> ReadAsync(HttpContext context) => SglangJson.ReadAsync(context, SglangJson.Default.ControlBody);

    /// <summary>A version as text; null where there is none.</summary>
    public static string? VersionOf(JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        null or { ValueKind: JsonValueKind.Null } => null,
        _ => throw DialectValues.Invalid("A weight version must be a text or a number."),
    };
}
