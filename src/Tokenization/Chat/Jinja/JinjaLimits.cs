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

    /// <summary>Bytes of stack that reading or rendering a template may take, so that a thread with a larger stack allows no deeper nesting.</summary>
    private const int Stack = 1 << 20;

    [ThreadStatic]
    private static nint _stackStart; // 0 outside of OnBoundedStack

    /// <summary>Runs what <see cref="CheckStack"/> bounds, from here on.</summary>
    public static T OnBoundedStack<T>(Func<T> action)
    {
        nint outer = _stackStart;
        _stackStart = StackPosition();
        try
        {
            return action();
        }
        finally
        {
            _stackStart = outer;
        }
    }

    /// <summary>Turns nesting that would take too much of the stack into an error.</summary>
    public static void CheckStack()
    {
        bool isWithin = _stackStart == 0 || _stackStart - StackPosition() < Stack;
        if (!isWithin || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Limit("the template or a value in it is nested too deeply");
    }

    public static void CheckLength(Int128 length)
    {
        if (length > Length)
            throw JinjaException.Limit($"a value of length {length} is larger than {Length}");
    }

    /// <summary>An address in the caller's frame or next to it; stacks grow downwards.</summary>
    private static nint StackPosition()
    {
        byte local = 0;
        return Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref local);
    }
}
