using System.Globalization;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>
/// The sets that <c>\p{…}</c> names: general categories from the runtime, whose data is of Unicode 16 as the reference's, scripts and
/// binary properties from <c>unicode-properties.txt</c>. Names match without regard to case, spaces, hyphens and underscores.
/// </summary>
internal static class UnicodeProperties
{
    private static readonly (string Short, string Long, UnicodeCategory[] Categories)[] Categories =
    [
        ("l", "letter", [UnicodeCategory.UppercaseLetter, UnicodeCategory.LowercaseLetter, UnicodeCategory.TitlecaseLetter, UnicodeCategory.ModifierLetter, UnicodeCategory.OtherLetter]),
        ("lc", "casedletter", [UnicodeCategory.UppercaseLetter, UnicodeCategory.LowercaseLetter, UnicodeCategory.TitlecaseLetter]),
        ("lu", "uppercaseletter", [UnicodeCategory.UppercaseLetter]),
        ("ll", "lowercaseletter", [UnicodeCategory.LowercaseLetter]),
        ("lt", "titlecaseletter", [UnicodeCategory.TitlecaseLetter]),
        ("lm", "modifierletter", [UnicodeCategory.ModifierLetter]),
        ("lo", "otherletter", [UnicodeCategory.OtherLetter]),
        ("m", "mark", [UnicodeCategory.NonSpacingMark, UnicodeCategory.SpacingCombiningMark, UnicodeCategory.EnclosingMark]),
        ("mn", "nonspacingmark", [UnicodeCategory.NonSpacingMark]),
        ("mc", "spacingmark", [UnicodeCategory.SpacingCombiningMark]),
        ("me", "enclosingmark", [UnicodeCategory.EnclosingMark]),
        ("n", "number", [UnicodeCategory.DecimalDigitNumber, UnicodeCategory.LetterNumber, UnicodeCategory.OtherNumber]),
        ("nd", "decimalnumber", [UnicodeCategory.DecimalDigitNumber]),
        ("nl", "letternumber", [UnicodeCategory.LetterNumber]),
        ("no", "othernumber", [UnicodeCategory.OtherNumber]),
        ("p", "punctuation", [UnicodeCategory.ConnectorPunctuation, UnicodeCategory.DashPunctuation, UnicodeCategory.OpenPunctuation, UnicodeCategory.ClosePunctuation, UnicodeCategory.InitialQuotePunctuation, UnicodeCategory.FinalQuotePunctuation, UnicodeCategory.OtherPunctuation]),
        ("pc", "connectorpunctuation", [UnicodeCategory.ConnectorPunctuation]),
        ("pd", "dashpunctuation", [UnicodeCategory.DashPunctuation]),
        ("ps", "openpunctuation", [UnicodeCategory.OpenPunctuation]),
        ("pe", "closepunctuation", [UnicodeCategory.ClosePunctuation]),
        ("pi", "initialpunctuation", [UnicodeCategory.InitialQuotePunctuation]),
        ("pf", "finalpunctuation", [UnicodeCategory.FinalQuotePunctuation]),
        ("po", "otherpunctuation", [UnicodeCategory.OtherPunctuation]),
        ("s", "symbol", [UnicodeCategory.MathSymbol, UnicodeCategory.CurrencySymbol, UnicodeCategory.ModifierSymbol, UnicodeCategory.OtherSymbol]),
        ("sm", "mathsymbol", [UnicodeCategory.MathSymbol]),
        ("sc", "currencysymbol", [UnicodeCategory.CurrencySymbol]),
        ("sk", "modifiersymbol", [UnicodeCategory.ModifierSymbol]),
        ("so", "othersymbol", [UnicodeCategory.OtherSymbol]),
        ("z", "separator", [UnicodeCategory.SpaceSeparator, UnicodeCategory.LineSeparator, UnicodeCategory.ParagraphSeparator]),
        ("zs", "spaceseparator", [UnicodeCategory.SpaceSeparator]),
        ("zl", "lineseparator", [UnicodeCategory.LineSeparator]),
        ("zp", "paragraphseparator", [UnicodeCategory.ParagraphSeparator]),
        ("c", "other", [UnicodeCategory.Control, UnicodeCategory.Format, UnicodeCategory.Surrogate, UnicodeCategory.PrivateUse, UnicodeCategory.OtherNotAssigned]),
        ("cc", "control", [UnicodeCategory.Control]),
        ("cf", "format", [UnicodeCategory.Format]),
        ("cs", "surrogate", [UnicodeCategory.Surrogate]),
        ("co", "privateuse", [UnicodeCategory.PrivateUse]),
        ("cn", "unassigned", [UnicodeCategory.OtherNotAssigned]),
    ];

    private static readonly Lazy<RuneSet[]> LazyCategorySets = new(FindCategorySets);
    private static readonly Lazy<Dictionary<string, RuneSet>> LazySets = new(BuildSets);

    private static readonly Lazy<RuneSet> LazyLooseWord = new(() => RuneSet.Union(Word, RuneSet.Of(0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE)));

    /// <summary><c>\s</c></summary>
    public static RuneSet WhiteSpace => LazySets.Value["whitespace"];

    /// <summary><c>\d</c></summary>
    public static RuneSet Digit => LazySets.Value["nd"];

    /// <summary><c>\w</c> in a class: alphabetic characters, marks, decimal digits, connectors.</summary>
    public static RuneSet Word => LazySets.Value["word"];

    /// <summary>
    /// <c>\w</c> outside a class, and what <c>\b</c> looks for: the engine reads Latin-1 from a table of its own there, in which
    /// superscripts and fractions are parts of words.
    /// </summary>
    public static RuneSet LooseWord => LazyLooseWord.Value;

    /// <summary><c>\h</c></summary>
    public static RuneSet HexDigit => LazySets.Value["xdigit"];

    /// <summary>The set of a name between the braces of <c>\p{…}</c>.</summary>
    public static bool TryGet(string name, out RuneSet set) => LazySets.Value.TryGetValue(
        string.Concat(name.Where(character => character is not (' ' or '-' or '_'))).ToLowerInvariant(), out set!);

    private static RuneSet[] FindCategorySets()
    {
        List<(int, int)>[] ranges = [.. Enumerable.Range(0, (int)UnicodeCategory.OtherNotAssigned + 1).Select(_ => new List<(int, int)>())];
        int start = 0;
        UnicodeCategory category = CharUnicodeInfo.GetUnicodeCategory(0);
        for (int code = 1; code <= 0x110000; code++)
        {
            UnicodeCategory? next = code == 0x110000 ? null : CharUnicodeInfo.GetUnicodeCategory(code);
            if (next == category)
                continue;
            ranges[(int)category].Add((start, code - 1));
            (start, category) = (code, next ?? category);
        }

        return [.. ranges.Select(RuneSet.Of)];
    }

    private static Dictionary<string, RuneSet> BuildSets()
    {
        Dictionary<string, RuneSet> sets = new(StringComparer.Ordinal);
        foreach ((string shortName, string longName, UnicodeCategory[] categories) in Categories)
            sets[shortName] = sets[longName] = RuneSet.Union(categories.Select(category => LazyCategorySets.Value[(int)category]));
        RuneSet assigned = sets["cn"].Complement();
        ReadScriptsAndProperties(sets, assigned);

        sets["any"] = RuneSet.All;
        sets["assigned"] = assigned;
        sets["ascii"] = RuneSet.Range(0, 0x7F);
        sets["whitespace"] = sets["space"] = RuneSet.Union(sets["z"], RuneSet.Range(0x09, 0x0D), RuneSet.Of(0x85));
        sets["blank"] = RuneSet.Union(sets["zs"], RuneSet.Of('\t'));
        sets["cntrl"] = sets["cc"];
        sets["digit"] = sets["nd"];
        sets["punct"] = sets["p"];
        sets["alpha"] = sets["alphabetic"];
        sets["lower"] = sets["lowercase"] = RuneSet.Union(sets["lowercase"], sets["ll"]); // Unicode 17 took U+0295 out
        sets["upper"] = sets["uppercase"];
        sets["alnum"] = RuneSet.Union(sets["alpha"], sets["nd"]);
        sets["word"] = RuneSet.Union(sets["alnum"], sets["m"], sets["pc"]);
        sets["xdigit"] = RuneSet.Of([('0', '9'), ('A', 'F'), ('a', 'f')]);
        sets["graph"] = RuneSet.Union(sets["whitespace"], sets["cc"], sets["cn"], sets["cs"]).Complement();
        sets["print"] = RuneSet.Union(sets["graph"], sets["zs"]);
        return sets;
    }

    private static void ReadScriptsAndProperties(Dictionary<string, RuneSet> sets, RuneSet assigned)
    {
        using Stream stream = typeof(UnicodeProperties).Assembly.GetManifestResourceStream(
            "AgentRollout.Tokenization.PreTokenization.Regex.unicode-properties.txt")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line[0] == '#')
                continue;
            string[] fields = line.Split(' ');
            sets[fields[0]] = RuneSet.Of(fields.Skip(1).Select(Range)).Intersect(assigned);
        }
    }

    private static (int First, int Last) Range(string text)
    {
        string[] ends = text.Split('-');
        return (Hex(ends[0]), Hex(ends[^1]));
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
