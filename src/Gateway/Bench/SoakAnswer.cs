using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Bench;

/// <summary>A request with what it got.</summary>
internal sealed record SoakAnswer(GenerationRequest Request, SoakResult Result);
