using System.Runtime.Intrinsics.X86;

namespace AgentRollout.RolloutEngine.Backends.Cpu.Kernels;

/// <summary>Whether kernels ask for memory before they need it. Never changes results; off only to measure what it brings.</summary>
internal static class SoftwarePrefetch
{
    /// <summary>The environment variable that switches it off with <c>0</c>.</summary>
    public const string Variable = "AGENTROLLOUT_PREFETCH";

    /// <summary>A constant to the compiler, so that it costs nothing.</summary>
    public static readonly bool IsOn = Sse.IsSupported && Environment.GetEnvironmentVariable(Variable) != "0";
}
