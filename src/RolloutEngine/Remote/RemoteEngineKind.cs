namespace AgentRollout.RolloutEngine.Remote;

/// <summary>The protocol that an engine elsewhere speaks.</summary>
public enum RemoteEngineKind
{
    /// <summary>SGLang's native protocol: its servers, and this project's own.</summary>
    Sglang,

    /// <summary>vLLM's, tokens in and tokens out.</summary>
    Vllm,
}
