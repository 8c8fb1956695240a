namespace AgentRollout.Environments.Replay;

/// <summary>Equality of floats as promised: to the bit.</summary>
internal static class Bits
{
    public static bool Same(float recorded, float computed) =>
        BitConverter.SingleToInt32Bits(recorded) == BitConverter.SingleToInt32Bits(computed);
}
