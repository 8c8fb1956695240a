using System.Runtime.CompilerServices;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Bounds that no chat template comes near, so that a runaway one ends in an error instead of the process.</summary>
internal static class JinjaLimits
{
    /// <summary>Statements, calls and passes through loops in one rendering.</summary>
    public const int Steps = 4_000_000;

    /// <summary>Characters of one text and items of one list.</summary>
    public const int Length = 16 << 20;

    /// <summary>
    /// What one rendering takes at most. Steps and lengths bound every part of it, but not their product: a few steps over huge values.
    /// </summary>
    public static TimeSpan Time { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Turns nesting that would overflow the stack into an error.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Limit("the template or a value in it is nested too deeply");
    }

    public static void CheckLength(Int128 length)
    {
        if (length > Length)
            throw JinjaException.Limit($"a value of length {length} is larger than {Length}");
    }
}
