namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>What can be said of a pattern's matches without looking at a text.</summary>
internal static class RegexShape
{
    /// <summary>The least number of characters of a match.</summary>
    public static int LeastLength(RegexNode node) => node switch
    {
        SetNode => 1,
        ConcatNode concat => (int)Math.Min(int.MaxValue, concat.Parts.Sum(part => (long)LeastLength(part))),
        AlternationNode alternation => alternation.Alternatives.Min(LeastLength),
        RepeatNode repeat => (int)Math.Min(int.MaxValue, (long)repeat.Least * LeastLength(repeat.Body)),
        AtomicNode atomic => LeastLength(atomic.Body),
        _ => 0,
    };

    public static bool IsNullable(RegexNode node) => LeastLength(node) == 0;

    /// <summary>A set that the first character of every match that is not empty belongs to.</summary>
    public static RuneSet FirstSet(RegexNode node) => node switch
    {
        SetNode set => set.Set,
        ConcatNode concat => FirstSet(concat.Parts),
        AlternationNode alternation => RuneSet.Union(alternation.Alternatives.Select(FirstSet)),
        RepeatNode { Most: 0 } => RuneSet.Empty,
        RepeatNode repeat => FirstSet(repeat.Body),
        AtomicNode atomic => FirstSet(atomic.Body),
        _ => RuneSet.Empty,
    };

    private static RuneSet FirstSet(IReadOnlyList<RegexNode> parts)
    {
        RuneSet first = RuneSet.Empty;
        foreach (RegexNode part in parts)
        {
            first = RuneSet.Union(first, FirstSet(part));
            if (!IsNullable(part))
                break;
        }

        return first;
    }
}
