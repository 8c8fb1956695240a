using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.SearchR1;

/// <summary>Queries of one call.</summary>
internal sealed record RetrieveRequest
{
    public IReadOnlyList<string>? Queries { get; init; }

    [JsonPropertyName("topk")]
    public int? TopK { get; init; }

    public bool ReturnScores { get; init; }
}
