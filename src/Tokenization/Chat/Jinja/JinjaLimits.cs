using System.Runtime.CompilerServices;
using System.Text;

namespace AgentRollout.Tokenization.Chat.Jinja;

/// <summary>Bounds that no chat template comes near, so that a runaway one ends in an error instead of the process.</summary>
internal static class JinjaLimits
{
    /// <summary>Statements and expressions evaluated in one rendering.</summary>
    public const int Steps = 4_000_000;

    /// <summary>Characters written in one rendering, to the result and to captured blocks.</summary>
    public const int Output = 64 << 20;

    /// <summary>Characters of one text and items of one list.</summary>
    public const int Length = 16 << 20;

    /// <summary>Turns nesting that would overflow the stack into an error.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Limit("the template or a value in it is nested too deeply");
    }

    /// <summary>A small value may hold the same list many times over, so that its text has no bound of its own.</summary>
    public static void CheckLength(StringBuilder text) => CheckLength(text.Length);

    public static void CheckLength(Int128 length)
    {
        if (length > Length)
            throw JinjaException.Limit($"a value of length {length} is larger than {Length}");
    }
}
