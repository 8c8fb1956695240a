namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>A pattern as instructions for <see cref="RegexMatcher"/>.</summary>
/// <param name="Pattern">The pattern's text, for messages.</param>
/// <param name="Instructions">Execution begins at the first one.</param>
/// <param name="MarkCount">How many positions the instructions remember.</param>
/// <param name="FirstSet">What a match begins with; null where a match may be empty.</param>
internal sealed record RegexProgram(string Pattern, Instruction[] Instructions, int MarkCount, RuneSet? FirstSet);

/// <summary>One step of matching. What the operands mean stands at <see cref="Opcode"/>.</summary>
internal readonly record struct Instruction(Opcode Opcode, int A = 0, int B = 0, RuneSet? Set = null, RepeatKind Kind = RepeatKind.Greedy);

internal enum Opcode
{
    /// <summary>The whole, or the body of a look-around or an atomic group, has matched.</summary>
    Accept,

    /// <summary>A character of the set.</summary>
    Set,

    /// <summary>From A to B characters of the set, greedy or possessive.</summary>
    RepeatSet,

    /// <summary>Go on at A.</summary>
    Jump,

    /// <summary>Go on at A; where that fails, at B.</summary>
    Split,

    /// <summary>Remember the position as mark A.</summary>
    Mark,

    /// <summary>Go on at B if the position has moved since mark A was set: a loop whose body matched nothing ends.</summary>
    JumpIfMoved,

    /// <summary>The anchor whose kind is A.</summary>
    Anchor,

    /// <summary>The body that follows matches without a second way; then go on at A, from where it ended.</summary>
    Atomic,

    /// <summary>The body that follows matches from here; then go on at A.</summary>
    LookAhead,

    /// <summary>The body that follows does not match from here; then go on at A.</summary>
    NotLookAhead,

    /// <summary>The body that follows matches up to here; then go on at A. B is its least length in characters.</summary>
    LookBehind,

    /// <summary>The body that follows does not match up to here; then go on at A. B is its least length in characters.</summary>
    NotLookBehind,
}
