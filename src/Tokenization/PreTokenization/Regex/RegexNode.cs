namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>A part of a split pattern.</summary>
internal abstract record RegexNode;

/// <summary>One character of a set. <paramref name="FoldedLiteral"/> is the literal that stands for its variants in case too.</summary>
internal sealed record SetNode(RuneSet Set, int? FoldedLiteral = null) : RegexNode;

internal sealed record ConcatNode(IReadOnlyList<RegexNode> Parts) : RegexNode;

/// <summary>The first alternative that lets the rest match.</summary>
internal sealed record AlternationNode(IReadOnlyList<RegexNode> Alternatives) : RegexNode;

internal sealed record RepeatNode(RegexNode Body, int Least, int Most, RepeatKind Kind) : RegexNode
{
    public const int Unlimited = int.MaxValue;
}

internal enum RepeatKind
{
    Greedy,
    Lazy,
    Possessive,
}

/// <summary><c>(?&gt;…)</c>: once matched, no other way of matching is tried.</summary>
internal sealed record AtomicNode(RegexNode Body) : RegexNode;

internal sealed record LookNode(RegexNode Body, bool IsBehind, bool IsNegative) : RegexNode;

internal sealed record AnchorNode(AnchorKind Kind) : RegexNode;

internal enum AnchorKind
{
    /// <summary><c>^</c></summary>
    LineStart,

    /// <summary><c>$</c></summary>
    LineEnd,

    /// <summary><c>\A</c></summary>
    TextStart,

    /// <summary><c>\z</c></summary>
    TextEnd,

    /// <summary><c>\Z</c></summary>
    TextEndOrLastNewLine,

    /// <summary><c>\b</c></summary>
    WordBoundary,

    /// <summary><c>\B</c></summary>
    NotWordBoundary,
}
