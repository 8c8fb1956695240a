using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>What <see cref="SeccompFilter"/> reads of <c>seccomp.json</c>, the profile that Docker reads too. What no rule names is refused.</summary>
internal sealed record SeccompProfile(IReadOnlyList<SeccompProfile.Rule> Syscalls)
{
    public static SeccompProfile Load() =>
        JsonSerializer.Deserialize(SandboxResources.Read("seccomp.json"), SeccompJson.Default.SeccompProfile)!;

    /// <param name="Names">The system calls that it is about.</param>
    /// <param name="Action"><c>SCMP_ACT_ALLOW</c>, or <c>SCMP_ACT_ERRNO</c> with <paramref name="ErrnoRet"/>.</param>
    /// <param name="Args">What an argument must be for the rule to hold; none for whatever arguments.</param>
    public sealed record Rule(IReadOnlyList<string> Names, string Action, int? ErrnoRet, IReadOnlyList<Condition>? Args);

    /// <param name="Index">Which argument, from 0.</param>
    /// <param name="Value">What it must equal, or, for <c>SCMP_CMP_MASKED_EQ</c>, the bits that must equal those of <paramref name="ValueTwo"/>.</param>
    /// <param name="Op"><c>SCMP_CMP_EQ</c> or <c>SCMP_CMP_MASKED_EQ</c>.</param>
    public sealed record Condition(int Index, ulong Value, ulong ValueTwo, string Op);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SeccompProfile))]
internal sealed partial class SeccompJson : JsonSerializerContext;
