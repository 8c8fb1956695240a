// Longer than other files: the whole grammar of a pattern, from alternation down to escapes.
using System.Text;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>
/// Reads a pattern in the syntax of Oniguruma's Ruby mode, which Hugging Face's tokenizers use: <c>^</c> and <c>$</c> are those of lines,
/// <c>(?m)</c> lets <c>.</c> match a line feed, <c>\h</c> is a hexadecimal digit.
/// </summary>
internal sealed class RegexParser
{
    private const int DeepestNesting = 200;
    private const int LargestCount = 1000;

    private readonly PatternReader _reader;
    private int _nesting;

    private RegexParser(string pattern) => _reader = new PatternReader(pattern);

    /// <exception cref="TokenizerException">The pattern is malformed, or uses syntax that is not supported.</exception>
    public static RegexNode Parse(string pattern)
    {
        RegexParser parser = new(pattern);
        RegexNode node = parser.ParseAlternation(default);
        return parser._reader.IsAtEnd ? node : throw parser._reader.Refused("an unmatched ')'");
    }

    private RegexNode ParseAlternation(Options options)
    {
        if (++_nesting > DeepestNesting)
            throw _reader.Refused($"more than {DeepestNesting} nested groups");
        List<RegexNode> alternatives = [ParseConcat(options)];
        while (_reader.TryTake('|'))
            alternatives.Add(ParseConcat(options));
        _nesting--;
        return alternatives is [var only] ? only : new AlternationNode(alternatives);
    }

    private RegexNode ParseConcat(Options options)
    {
        List<RegexNode> parts = [];
        while (!_reader.IsAtEnd && _reader.Peek() is not ('|' or ')'))
        {
            if (options.Extended && TrySkipExtended())
                continue;
            if (ParseAtom(options) is { } atom)
                parts.Add(ParseQuantifiers(atom));
        }

        RefuseFoldStrings(parts);
        return parts is [var only] ? only : new ConcatNode(parts);
    }

    private bool TrySkipExtended()
    {
        if (_reader.TryTake('#'))
        {
            while (!_reader.IsAtEnd && _reader.Take() != '\n')
            {
            }

            return true;
        }

        if (_reader.Peek() is not (' ' or '\t' or '\n' or '\r' or '\f' or '\v'))
            return false;
        _reader.Take();
        return true;
    }

    /// <summary>One atom, or null for a comment.</summary>
    private RegexNode? ParseAtom(Options options)
    {
        int character = _reader.Take();
        switch (character)
        {
            case '(':
                return ParseGroup(options);
            case '[':
                RuneSet set = new RegexClassParser(_reader, options.IgnoreCase).Parse();
                return new SetNode(set);
            case '.':
                return new SetNode(options.DotAll ? RuneSet.All : RegexEscapes.NotNewLine);
            case '^':
                return new AnchorNode(AnchorKind.LineStart);
            case '$':
                return new AnchorNode(AnchorKind.LineEnd);
            case '\\':
                return ParseEscape(options);
            case '*' or '+' or '?':
                throw _reader.Refused($"a '{(char)character}' with nothing to repeat");
            default:
                return Literal(character, options);
        }
    }

    private RegexNode ParseEscape(Options options)
    {
        int character = _reader.Peek();
        AnchorKind? anchor = character switch
        {
            'A' => AnchorKind.TextStart,
            'z' => AnchorKind.TextEnd,
            'Z' => AnchorKind.TextEndOrLastNewLine,
            'b' => AnchorKind.WordBoundary,
            'B' => AnchorKind.NotWordBoundary,
            _ => null,
        };
        if (anchor is { } kind)
        {
            _reader.Take();
            return new AnchorNode(kind);
        }

        if (character == 'R')
        {
            if (options.LooksBehind)
                throw _reader.Refused("a '\\R' that looks behind");
            _reader.Take();
            RegexNode pair = new ConcatNode([new SetNode(RuneSet.Of('\r')), new SetNode(RuneSet.Of('\n'))]);
            return new AtomicNode(new AlternationNode([pair, new SetNode(RuneSet.Of([(0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029)]))]));
        }

        return RegexEscapes.TryParseSet(_reader, isInClass: false, out RuneSet set) ? new SetNode(set) : Literal(RegexEscapes.ParseCharacter(_reader), options);
    }

    private SetNode Literal(int character, Options options)
    {
        if (!options.IgnoreCase)
            return new SetNode(RuneSet.Of(character));
        RuneSet variants = CaseFolding.Variants(character);
        if (CaseFolding.HasStringVariant(variants))
            throw _reader.Refused($"'{new Rune(character)}' without regard to case, which would match several characters");
        return new SetNode(variants, character);
    }

    /// <summary>Oniguruma lets "ss" match "ß" where case does not matter: such text in a pattern is refused, since no model's pattern has any.</summary>
    private void RefuseFoldStrings(List<RegexNode> parts)
    {
        List<int> literals = [];
        foreach (RegexNode? part in parts.Append(null))
        {
            if (part is SetNode { FoldedLiteral: { } literal })
            {
                literals.Add(literal);
                continue;
            }

            if (Enumerable.Range(0, literals.Count).Any(position => CaseFolding.IsFoldString(literals, position)))
                throw _reader.Refused($"'{string.Concat(literals.Select(code => new Rune(code)))}' without regard to case, which would match fewer characters");
            literals.Clear();
        }
    }

    private RegexNode? ParseGroup(Options options)
    {
        if (!_reader.TryTake('?'))
            return CloseGroup(ParseAlternation(options));
        int kind = _reader.Take();
        switch (kind)
        {
            case '#':
                while (_reader.Take() != ')')
                {
                }

                return null;
            case ':':
                return CloseGroup(ParseAlternation(options));
            case '>':
                return new AtomicNode(CloseGroup(ParseAlternation(options)));
            case '=' or '!':
                return new LookNode(CloseGroup(ParseAlternation(options)), IsBehind: false, IsNegative: kind == '!');
            case '<' when _reader.Peek() is '=' or '!':
                return ParseLookBehind(options);
            case '<' or '\'':
                SkipName(kind == '<' ? '>' : '\'');
                return CloseGroup(ParseAlternation(options));
            default:
                return ParseOptions(kind, options);
        }
    }

    private LookNode ParseLookBehind(Options options)
    {
        bool isNegative = _reader.Take() == '!';
        options.LooksBehind = true;
        return new LookNode(CloseGroup(ParseAlternation(options)), IsBehind: true, isNegative);
    }

    /// <summary><c>(?i:…)</c>, or <c>(?i)</c>, which holds to the end of the group and takes later alternatives along.</summary>
    private RegexNode ParseOptions(int character, Options options)
    {
        bool value = true;
        for (; character is not (':' or ')'); character = _reader.Take())
        {
            switch (character)
            {
                case '-' when value:
                    value = false;
                    break;
                case 'i':
                    options.IgnoreCase = value;
                    break;
                case 'm':
                    options.DotAll = value;
                    break;
                case 'x':
                    options.Extended = value;
                    break;
                default:
                    throw _reader.Refused($"the group '(?{new Rune(character)}'");
            }
        }

        RegexNode body = ParseAlternation(options);
        return character == ':' ? CloseGroup(body) : body;
    }

    private RegexNode CloseGroup(RegexNode body) => _reader.TryTake(')') ? body : throw _reader.Refused("a '(' without its ')'");

    private void SkipName(int terminator)
    {
        int length = 0;
        for (; _reader.Take() is int character && character != terminator; length++)
        {
            if (!Rune.IsLetterOrDigit(new Rune(character)) && character != '_')
                throw _reader.Refused("a group whose name is not made of letters, digits and underscores");
        }

        if (length == 0)
            throw _reader.Refused("a group with an empty name");
    }

    private RegexNode ParseQuantifiers(RegexNode atom)
    {
        while (!_reader.IsAtEnd)
        {
            (int Least, int Most, bool IsInterval)? count = TryTakeCount();
            if (count is not (int least, int most, bool isInterval))
                break;
            if (atom is AnchorNode or LookNode)
                throw _reader.Refused("a repeated anchor or look-around");
            // Oniguruma ends such a loop at the first empty round, whatever the least count says.
            if (least >= 2 && RegexShape.IsNullable(atom))
                throw _reader.Refused("what may be empty, repeated at least twice");
            if (isInterval && least == most && _reader.TryTake('?'))
                atom = new RepeatNode(new RepeatNode(atom, least, most, RepeatKind.Greedy), 0, 1, RepeatKind.Greedy);
            else if (_reader.TryTake('?'))
                atom = new RepeatNode(atom, least, most, RepeatKind.Lazy);
            else if (!isInterval && _reader.TryTake('+'))
                atom = new RepeatNode(atom, least, most, RepeatKind.Possessive);
            else
                atom = new RepeatNode(atom, least, most, RepeatKind.Greedy);
        }

        return atom;
    }

    private (int Least, int Most, bool IsInterval)? TryTakeCount()
    {
        if (_reader.TryTake('*'))
            return (0, RepeatNode.Unlimited, false);
        if (_reader.TryTake('+'))
            return (1, RepeatNode.Unlimited, false);
        if (_reader.TryTake('?'))
            return (0, 1, false);
        return TryTakeInterval() is (int least, int most) ? (least, most, true) : null;
    }

    /// <summary><c>{n}</c>, <c>{n,}</c>, <c>{n,m}</c> or <c>{,m}</c>; anything else in braces is literal.</summary>
    private (int Least, int Most)? TryTakeInterval()
    {
        int start = _reader.Position;
        if (_reader.TryTake('{'))
        {
            int? least = TryTakeNumber();
            bool hasComma = _reader.TryTake(',');
            int? most = hasComma ? TryTakeNumber() : least;
            if (_reader.TryTake('}') && (least ?? most) is not null)
            {
                int from = least ?? 0;
                int to = most ?? RepeatNode.Unlimited;
                return from <= to ? (from, to) : throw _reader.Refused($"the repetition '{{{from},{to}}}', whose bounds are swapped");
            }
        }

        _reader.Position = start;
        return null;
    }

    private int? TryTakeNumber()
    {
        int? number = null;
        while (!_reader.IsAtEnd && _reader.Peek() is >= '0' and <= '9')
        {
            number = (number ?? 0) * 10 + _reader.Take() - '0';
            if (number > LargestCount)
                throw _reader.Refused($"a repetition of more than {LargestCount} times");
        }

        return number;
    }

    private struct Options
    {
        public bool IgnoreCase;
        public bool DotAll;
        public bool Extended;
        public bool LooksBehind;
    }
}
