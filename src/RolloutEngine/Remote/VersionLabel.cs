using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>
/// Numbers for what a server calls its weights. Digits are their number and <c>default</c>, which weights are called that nobody named, is 0. Any
/// other text has a number from its hash, the same in every process: equal labels are equal versions, but their order says nothing.
/// </summary>
public static class VersionLabel
{
    /// <summary>Numbers from here on are hashes. They end below 2^53, so that JSON readers with doubles keep them.</summary>
    public const long FirstHash = 1L << 52;

    private const string Unnamed = "default";

    /// <summary>The number of a label.</summary>
    public static long ToVersion(string label) =>
        label == Unnamed ? 0
        : long.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number < FirstHash ? number
        : FirstHash + (long)(XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(label)) % (ulong)FirstHash);

    /// <summary>The label of a number.</summary>
    internal static string Of(long version) => version.ToString(CultureInfo.InvariantCulture);
}
