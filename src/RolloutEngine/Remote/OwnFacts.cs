using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>What this project's server tells of its model beyond the protocols, in a member of this name.</summary>
internal static class OwnFacts
{
    /// <summary>The member of requests and answers that holds what is beyond the protocol.</summary>
    public const string Member = "agentrollout";

    /// <summary>The facts of a model.</summary>
    /// <param name="own">The member.</param>
    /// <param name="engine">For the error.</param>
    /// <exception cref="EngineException">One is missing.</exception>
    public static EngineModel Read(JsonElement own, string engine) => new(
        own.Text("model") ?? throw Missing(engine, "model"),
        own.Integer("vocabulary_size") ?? throw Missing(engine, "vocabulary_size"),
        own.Integer("context_length") ?? throw Missing(engine, "context_length"),
        own.List("stop_token_ids") is { } ids ? [.. ids.EnumerateArray().Select(id => id.GetInt32())] : throw Missing(engine, "stop_token_ids"),
        own.Long("weight_version") ?? throw Missing(engine, "weight_version"));

    private static EngineException Missing(string engine, string member) =>
        new($"Engine '{engine}' does not tell '{member}' of its model; it is of another version than this client.");
}
