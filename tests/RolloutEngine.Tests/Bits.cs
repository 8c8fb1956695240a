namespace AgentRollout.RolloutEngine.Tests;

/// <summary>Floats as integers, so that a comparison is of bits and a failure shows where.</summary>
internal static class Bits
{
    public static int[] Of(IEnumerable<float> values) => [.. values.Select(BitConverter.SingleToInt32Bits)];
}
