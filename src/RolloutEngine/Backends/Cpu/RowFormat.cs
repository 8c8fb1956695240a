namespace AgentRollout.RolloutEngine.Backends.Cpu;

/// <summary>The numbers that products read rows in.</summary>
internal enum RowFormat
{
    Float32,
    BFloat16,
    Int8,
}
