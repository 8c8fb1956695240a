namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>How matrices are packed.</summary>
/// <param name="Type">What they are kept in.</param>
/// <param name="Memory">Where their memory comes from and returns to.</param>
internal sealed record Packing(WeightType Type, PanelMemory Memory);
