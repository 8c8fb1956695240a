namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>Reads a class behind its <c>[</c>: ranges, escapes, POSIX brackets, nested classes and <c>&amp;&amp;</c>.</summary>
internal sealed class RegexClassParser(PatternReader reader, bool ignoreCase)
{
    private const int DeepestNesting = 50;

    private int _nesting;

    public RuneSet Parse()
    {
        if (++_nesting > DeepestNesting)
            throw reader.Refused($"more than {DeepestNesting} nested classes");
        bool isNegative = reader.TryTake('^');
        RuneSet? intersection = null;
        RuneSet union = RuneSet.Empty;
        bool isFirst = true;
        for (; isFirst || !reader.TryTake(']'); isFirst = false)
        {
            if (reader.TryTake("&&"))
            {
                intersection = Intersect(intersection, union);
                union = RuneSet.Empty;
            }
            else
            {
                union = RuneSet.Union(union, ParseItem(isFirst));
            }
        }

        _nesting--;
        RuneSet set = Folded(Intersect(intersection, union), isNegative);
        return isNegative ? set.Complement() : set;
    }

    private static RuneSet Intersect(RuneSet? left, RuneSet right) => left is null ? right : left.Intersect(right);

    private RuneSet Folded(RuneSet set, bool isNegative)
    {
        if (!ignoreCase)
            return set;
        RuneSet closed = CaseFolding.Close(set);
        return isNegative || !CaseFolding.HasStringVariant(closed)
            ? closed
            : throw reader.Refused("a class without regard to case that has a character such as 'ß', which would match several characters");
    }

    private RuneSet ParseItem(bool isFirst)
    {
        if (isFirst && reader.TryTake(']'))
            return ParseRange(']');
        if (reader.TryTake("[:"))
            return ParsePosix();
        if (reader.TryTake('['))
            return Parse();
        if (!reader.TryTake('\\'))
            return ParseRange(reader.Take());
        if (!RegexEscapes.TryParseSet(reader, isInClass: true, out RuneSet set))
            return ParseRange(ParseCharacterEscape());
        if (IsRange())
            throw reader.Refused("a range that begins with a set");
        return set;
    }

    /// <summary>A character, or the range that it begins.</summary>
    private RuneSet ParseRange(int first)
    {
        if (!IsRange())
            return RuneSet.Of(first);
        reader.Take();
        int last = reader.Take();
        if (last == '[')
            throw reader.Refused("a range that ends with a set");
        if (last == '\\')
        {
            if (RegexEscapes.TryParseSet(reader, isInClass: true, out _))
                throw reader.Refused("a range that ends with a set");
            last = ParseCharacterEscape();
        }

        return first <= last ? RuneSet.Range(first, last) : throw reader.Refused("a range whose ends are swapped");
    }

    private int ParseCharacterEscape() => reader.TryTake('b') ? '\b' : RegexEscapes.ParseCharacter(reader);

    /// <summary>Whether a hyphen stands here that is not the last character of the class.</summary>
    private bool IsRange()
    {
        int start = reader.Position;
        bool isRange = reader.TryTake('-') && reader.Peek() != ']';
        reader.Position = start;
        return isRange;
    }

    private RuneSet ParsePosix()
    {
        bool isNegative = reader.TryTake('^');
        string name = reader.TakeUntil(':');
        RuneSet? set = name switch
        {
            // Unlike \p{Punct}, the bracket has symbols too.
            "punct" when UnicodeProperties.TryGet("P", out RuneSet punctuation) && UnicodeProperties.TryGet("S", out RuneSet symbols) =>
                RuneSet.Union(punctuation, symbols),
            "alnum" or "alpha" or "ascii" or "blank" or "cntrl" or "digit" or "graph" or "lower" or "print" or "space" or "upper" or "word" or "xdigit"
                when UnicodeProperties.TryGet(name, out RuneSet known) => known,
            _ => null,
        };
        if (set is null || !reader.TryTake(']'))
            throw reader.Refused($"the POSIX bracket '[:{name}:]'");
        return isNegative ? set.Complement() : set;
    }
}
