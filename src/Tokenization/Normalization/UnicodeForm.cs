namespace AgentRollout.Tokenization.Normalization;

/// <summary>One of the four normalization forms of UAX #15: what it does to characters.</summary>
internal sealed class UnicodeForm
{
    private static readonly Lazy<UnicodeForm> LazyNfc = new(() => new UnicodeForm(compatibility: false, composes: true));
    private static readonly Lazy<UnicodeForm> LazyNfd = new(() => new UnicodeForm(compatibility: false, composes: false));
    private static readonly Lazy<UnicodeForm> LazyNfkc = new(() => new UnicodeForm(compatibility: true, composes: true));
    private static readonly Lazy<UnicodeForm> LazyNfkd = new(() => new UnicodeForm(compatibility: true, composes: false));

    private readonly UnicodeTables _tables = UnicodeTables.Shared;
    private readonly CodePointTable<bool> _unstable = new();
    private readonly Dictionary<int, int[]> _decompositions = [];
    private readonly bool _composes;

    private UnicodeForm(bool compatibility, bool composes)
    {
        _composes = composes;
        foreach ((int codePoint, Decomposition decomposition) in _tables.Decompositions)
        {
            if (compatibility || !decomposition.IsCompatibility)
                _decompositions.Add(codePoint, [.. Expand(codePoint, compatibility)]);
        }

        FindUnstable();
    }

    public static UnicodeForm Nfc => LazyNfc.Value;

    public static UnicodeForm Nfd => LazyNfd.Value;

    public static UnicodeForm Nfkc => LazyNfkc.Value;

    public static UnicodeForm Nfkd => LazyNfkd.Value;

    /// <summary>
    /// Whether a character stays as it is whatever follows, and is untouched by what stands before: the form may be applied to the text
    /// before it and from it on separately.
    /// </summary>
    public bool IsStable(int codePoint) => !_unstable[codePoint] && _tables.CombiningClass(codePoint) == 0;

    /// <summary>Whether a character stays as it is where combining classes before it do not exceed its own.</summary>
    public bool IsStableInOrder(int codePoint) => !_unstable[codePoint];

    public byte CombiningClass(int codePoint) => _tables.CombiningClass(codePoint);

    /// <summary>Applies the form to a run of characters, which begins at a stable one or at the start of the text.</summary>
    public List<int> Apply(List<int> run)
    {
        List<int> characters = Decompose(run);
        Reorder(characters);
        if (_composes)
            Compose(characters);
        return characters;
    }

    private List<int> Decompose(List<int> run)
    {
        List<int> characters = new(run.Count * 2);
        Span<int> jamos = stackalloc int[3];
        foreach (int codePoint in run)
        {
            if (Hangul.IsSyllable(codePoint))
                characters.AddRange(jamos[..Hangul.Decompose(codePoint, jamos)]);
            else if (_decompositions.TryGetValue(codePoint, out int[]? mapping))
                characters.AddRange(mapping);
            else
                characters.Add(codePoint);
        }

        return characters;
    }

    /// <summary>Brings each run of characters of combining class above 0 in the order of the classes; equal ones keep theirs.</summary>
    private void Reorder(List<int> characters)
    {
        for (int start = 0; start < characters.Count; start++)
        {
            int end = start;
            bool isOrdered = true;
            while (end < characters.Count && CombiningClass(characters[end]) is > 0 and byte value)
            {
                isOrdered &= end == start || CombiningClass(characters[end - 1]) <= value;
                end++;
            }

            if (!isOrdered)
            {
                int[] sorted = [.. characters.GetRange(start, end - start).OrderBy(CombiningClass)];
                for (int i = 0; i < sorted.Length; i++)
                    characters[start + i] = sorted[i];
            }

            start = end;
        }
    }

    private void Compose(List<int> characters)
    {
        int count = 0;
        int starter = -1;
        byte lastClass = 0; // of what stands between the starter and this character
        for (int i = 0; i < characters.Count; i++)
        {
            int character = characters[i];
            byte value = CombiningClass(character);
            bool isBlocked = starter != count - 1 && lastClass >= value;
            if (starter >= 0 && !isBlocked && TryCompose(characters[starter], character, out int composite))
            {
                characters[starter] = composite;
                continue;
            }

            if (value == 0)
                starter = count;
            lastClass = value;
            characters[count++] = character;
        }

        characters.RemoveRange(count, characters.Count - count);
    }

    private bool TryCompose(int first, int second, out int composite) =>
        Hangul.TryCompose(first, second, out composite)
        || _tables.Composites.TryGetValue((first, second), out composite);

    private IEnumerable<int> Expand(int codePoint, bool compatibility) =>
        _tables.Decompositions.TryGetValue(codePoint, out Decomposition? decomposition) && (compatibility || !decomposition.IsCompatibility)
            ? decomposition.Mapping.SelectMany(part => Expand(part, compatibility))
            : [codePoint];

    /// <summary>A composing form also marks what may be the second of a pair: it can vanish into what stands before it.</summary>
    private void FindUnstable()
    {
        foreach (int codePoint in _decompositions.Keys)
            _unstable[codePoint] = !_composes || Apply([codePoint]) is not [var only] || only != codePoint;
        if (_composes)
        {
            foreach ((_, int second) in _tables.Composites.Keys)
                _unstable[second] = true;
            Mark(Hangul.FirstVowel, Hangul.LastVowel);
            Mark(Hangul.FirstTrailing, Hangul.LastTrailing);
        }
        else
        {
            Mark(Hangul.FirstSyllable, Hangul.LastSyllable);
        }
    }

    private void Mark(int first, int last)
    {
        for (int codePoint = first; codePoint <= last; codePoint++)
            _unstable[codePoint] = true;
    }
}
