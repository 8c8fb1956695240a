using System.Runtime.CompilerServices;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>A set of code points: sorted ranges that neither touch nor overlap. Surrogates, which are no characters, do not matter.</summary>
internal sealed class RuneSet
{
    private const int LastCodePoint = 0x10FFFF;

    private readonly (int First, int Last)[] _ranges;
    private readonly UInt128 _ascii;

    private RuneSet((int First, int Last)[] ranges)
    {
        _ranges = ranges;
        for (int code = 0; code < 128; code++)
        {
            if (ContainsWide(code))
                _ascii |= UInt128.One << code;
        }
    }

    public static RuneSet Empty { get; } = new([]);

    public static RuneSet All { get; } = new([(0, LastCodePoint)]);

    public IReadOnlyList<(int First, int Last)> Ranges => _ranges;

    public static RuneSet Of(params int[] codePoints) => Of(codePoints.Select(code => (code, code)));

    public static RuneSet Range(int first, int last) => new([(first, last)]);

    /// <summary>The set of ranges in any order, which may overlap.</summary>
    public static RuneSet Of(IEnumerable<(int First, int Last)> ranges)
    {
        List<(int First, int Last)> merged = [];
        foreach ((int first, int last) in ranges.Order())
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            else
                merged.Add((first, last));
        }

        return new RuneSet([.. merged]);
    }

    public static RuneSet Union(params IEnumerable<RuneSet> sets) => Of(sets.SelectMany(set => set._ranges));

    public RuneSet Complement()
    {
        List<(int First, int Last)> gaps = [];
        int next = 0;
        foreach ((int first, int last) in _ranges)
        {
            if (first > next)
                gaps.Add((next, first - 1));
            next = last + 1;
        }

        if (next <= LastCodePoint)
            gaps.Add((next, LastCodePoint));
        return new RuneSet([.. gaps]);
    }

    public RuneSet Intersect(RuneSet other) => Union(Complement(), other.Complement()).Complement();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(int codePoint) => codePoint < 128 ? ((ulong)(_ascii >> codePoint) & 1) != 0 : ContainsWide(codePoint);

    private bool ContainsWide(int codePoint)
    {
        int low = 0;
        int high = _ranges.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            if (codePoint < _ranges[middle].First)
                high = middle - 1;
            else if (codePoint > _ranges[middle].Last)
                low = middle + 1;
            else
                return true;
        }

        return false;
    }
}
