namespace AgentRollout.Environments.Builtin;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) with the same numbers on every machine, for tasks that are pure functions of their place.
/// </summary>
internal struct TaskRandom(ulong seed, ulong stream)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = Mix(Mix(seed + Golden) + stream);

    /// <summary>A number from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public long Between(long low, long high)
    {
        _state += Golden;
        return low + (long)Math.BigMul(Mix(_state), (ulong)(high - low + 1), out _);
    }

    public char Pick(string choices) => choices[(int)Between(0, choices.Length - 1)];

    /// <summary>A well-mixed value of the same 64 bits.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
