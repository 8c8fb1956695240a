using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Dialects.Sglang;

namespace AgentRollout.Gateway.Dialects;

/// <summary>Other servers' protocols that this one speaks (docs/dialects.md).</summary>
internal sealed record DialectSettings
{
    /// <summary>SGLang's native protocol.</summary>
    public SglangSettings Sglang { get; set; } = new();

    /// <summary>vLLM's protocol.</summary>
    public ChatDialectSettings Vllm { get; set; } = new();

    /// <summary>OpenAI's protocol.</summary>
    public ChatDialectSettings Openai { get; set; } = new();

    /// <summary>Anthropic's protocol.</summary>
    public ChatDialectSettings Anthropic { get; set; } = new();
}
