using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>Reads members that may be missing, null or of another type in other versions of a server.</summary>
internal static class JsonReading
{
    /// <summary>A member of an object; null where it is not there or null, or where this is no object.</summary>
    public static JsonElement? Member(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? Text(this JsonElement json, string name) => json.Member(name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    public static int? Integer(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out int value) ? value : null;

    public static long? Long(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out long value) ? value : null;

    public static double? Number(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    public static JsonElement? List(this JsonElement json, string name) => json.Member(name) is { ValueKind: JsonValueKind.Array } list ? list : null;

    /// <summary>A log-probability: JSON has no infinity, so what cannot be drawn has null.</summary>
    public static float Logprob(this JsonElement json) => json.ValueKind == JsonValueKind.Number ? json.GetSingle() : float.NegativeInfinity;

    /// <summary>The log-probability of a sampled token, NaN where it is not told.</summary>
    public static float SampledLogprob(this JsonElement json) => json.ValueKind == JsonValueKind.Number ? json.GetSingle() : float.NaN;

    /// <summary>A version of weights, as text or as number.</summary>
    public static long? Version(this JsonElement json, string name) => json.Member(name) switch
    {
        { ValueKind: JsonValueKind.String } label => VersionLabel.ToVersion(label.GetString()!),
        { ValueKind: JsonValueKind.Number } number => VersionLabel.ToVersion(number.GetRawText()),
        _ => null,
    };
}
