using System.Globalization;

namespace AgentRollout.Tokenization.Normalization;

/// <summary>
/// The Unicode data of normalizers, read from <c>unicode-tables.txt</c> when it is first asked for. It depends neither on ICU nor on the
/// runtime's globalization mode, and it is of the versions of Unicode that Hugging Face's tokenizers freeze.
/// </summary>
internal sealed class UnicodeTables
{
    private static readonly Lazy<UnicodeTables> LazyShared = new(() => new UnicodeTables());

    private readonly CodePointTable<byte> _combiningClasses = new();
    private readonly CodePointTable<CharacterSets> _sets = new();
    private readonly CodePointTable<int> _lowerCaseDistances = new();
    private readonly Dictionary<int, Decomposition> _decompositions = [];
    private readonly Dictionary<(int First, int Second), int> _composites = [];
    private readonly List<(int CodePoint, int Folded)> _foldPairs = [];
    private readonly List<(int[] Folded, int[] Characters)> _foldStrings = [];

    private UnicodeTables()
    {
        using Stream stream = typeof(UnicodeTables).Assembly.GetManifestResourceStream(
            "AgentRollout.Tokenization.Normalization.unicode-tables.txt")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line[0] != '#')
                Read(line.Split(' '));
        }
    }

    [Flags]
    private enum CharacterSets : byte
    {
        None = 0,
        CombiningMark = 1,
        NonspacingMark = 2,
        Format = 4,
        Punctuation = 8,
    }

    public static UnicodeTables Shared => LazyShared.Value;

    /// <summary>Every character that has a decomposition, by code point; Hangul syllables, which decompose by arithmetic, are not among them.</summary>
    public IReadOnlyDictionary<int, Decomposition> Decompositions => _decompositions;

    /// <summary>The pairs that compose to one character, Hangul left out.</summary>
    public IReadOnlyDictionary<(int First, int Second), int> Composites => _composites;

    /// <summary>Characters with their lower case, or with what else they are the same as without regard to case.</summary>
    public IReadOnlyList<(int CodePoint, int Folded)> FoldPairs => _foldPairs;

    /// <summary>Strings that single characters are the same as without regard to case, and those characters.</summary>
    public IReadOnlyList<(int[] Folded, int[] Characters)> FoldStrings => _foldStrings;

    public byte CombiningClass(int codePoint) => _combiningClasses[codePoint];

    /// <summary>Marks of Unicode 9.</summary>
    public bool IsCombiningMark(int codePoint) => (_sets[codePoint] & CharacterSets.CombiningMark) != 0;

    /// <summary>Category Mn of Unicode 8.</summary>
    public bool IsNonspacingMark(int codePoint) => (_sets[codePoint] & CharacterSets.NonspacingMark) != 0;

    /// <summary>Category Cf of Unicode 8.</summary>
    public bool IsFormat(int codePoint) => (_sets[codePoint] & CharacterSets.Format) != 0;

    /// <summary>Categories P* of Unicode 8.</summary>
    public bool IsPunctuation(int codePoint) => (_sets[codePoint] & CharacterSets.Punctuation) != 0;

    /// <summary>Lower case where it is one character; U+0130, whose lower case is two, stays.</summary>
    public int ToLower(int codePoint) => codePoint + _lowerCaseDistances[codePoint];

    private void Read(string[] fields)
    {
        switch (fields[0])
        {
            case "D" or "D!" or "K":
                AddDecomposition(fields);
                break;
            case "C":
                byte combiningClass = byte.Parse(fields[1], CultureInfo.InvariantCulture);
                for (int codePoint = Hex(fields[2]); codePoint <= Hex(fields[3]); codePoint++)
                    _combiningClasses[codePoint] = combiningClass;
                break;
            case "M":
                AddToSet(fields, CharacterSets.CombiningMark);
                break;
            case "Mn":
                AddToSet(fields, CharacterSets.NonspacingMark);
                break;
            case "Cf":
                AddToSet(fields, CharacterSets.Format);
                break;
            case "P":
                AddToSet(fields, CharacterSets.Punctuation);
                break;
            case "L":
                AddLowerCase(fields);
                break;
            case "F":
                _foldPairs.Add((Hex(fields[1]), Hex(fields[2])));
                break;
            case "FS":
                int colon = Array.IndexOf(fields, ":");
                _foldStrings.Add((Array.ConvertAll(fields[1..colon], Hex), Array.ConvertAll(fields[(colon + 1)..], Hex)));
                break;
            default:
                throw new InvalidDataException($"Line '{string.Join(' ', fields)}' of the Unicode tables is of no known kind.");
        }
    }

    private void AddDecomposition(string[] fields)
    {
        int codePoint = Hex(fields[1]);
        int[] mapping = Array.ConvertAll(fields[2..], Hex);
        _decompositions.Add(codePoint, new Decomposition(mapping, IsCompatibility: fields[0] == "K"));
        if (fields[0] == "D" && mapping.Length == 2)
            _composites.Add((mapping[0], mapping[1]), codePoint);
    }

    private void AddLowerCase(string[] fields)
    {
        int step = int.Parse(fields[3], CultureInfo.InvariantCulture);
        int distance = int.Parse(fields[4], CultureInfo.InvariantCulture);
        for (int codePoint = Hex(fields[1]); codePoint <= Hex(fields[2]); codePoint += step)
        {
            _lowerCaseDistances[codePoint] = distance;
            _foldPairs.Add((codePoint, codePoint + distance));
        }
    }

    private void AddToSet(string[] fields, CharacterSets set)
    {
        for (int codePoint = Hex(fields[1]); codePoint <= Hex(fields[2]); codePoint++)
            _sets[codePoint] |= set;
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}

/// <summary>What a character decomposes to, one level.</summary>
internal sealed record Decomposition(int[] Mapping, bool IsCompatibility);
