using System.Globalization;
using AgentRollout.Tokenization.Normalization;

namespace AgentRollout.Tokenization.PreTokenization.Regex;

/// <summary>Which characters are the same without regard to case.</summary>
internal static class CaseFolding
{
    private static readonly Lazy<Dictionary<int, int[]>> LazyClasses = new(BuildClasses);

    /// <summary>A character and all that differ from it by case only.</summary>
    public static RuneSet Variants(int codePoint) =>
        LazyClasses.Value.TryGetValue(codePoint, out int[]? variants) ? RuneSet.Of(variants) : RuneSet.Of(codePoint);

    /// <summary>A set with all variants of its characters.</summary>
    public static RuneSet Close(RuneSet set)
    {
        IEnumerable<(int, int)> variants = LazyClasses.Value
            .Where(pair => set.Contains(pair.Key))
            .SelectMany(pair => pair.Value.Select(code => (code, code)));
        return RuneSet.Of([.. set.Ranges, .. variants]);
    }

    /// <summary>Whether a set has a character that a string of several characters equals without regard to case, as "ss" does "ß".</summary>
    public static bool HasStringVariant(RuneSet set) =>
        UnicodeTables.Shared.FoldStrings.Any(fold => fold.Characters.Any(set.Contains));

    /// <summary>Whether such a string stands in a text at a position.</summary>
    public static bool IsFoldString(IReadOnlyList<int> text, int position) => UnicodeTables.Shared.FoldStrings.Any(fold =>
        position + fold.Folded.Length <= text.Count
        && fold.Folded.Select((code, index) => Variants(code).Contains(text[position + index])).All(same => same));

    /// <summary>Joins each character with its lower case and its folded form.</summary>
    private static Dictionary<int, int[]> BuildClasses()
    {
        Dictionary<int, HashSet<int>> classes = [];
        foreach ((int codePoint, int folded) in UnicodeTables.Shared.FoldPairs)
        {
            // The engine's data is of Unicode 16, the table's of 17.
            if (!IsAssigned(codePoint) || !IsAssigned(folded))
                continue;
            HashSet<int> first = classes.GetValueOrDefault(codePoint) ?? [codePoint];
            HashSet<int> second = classes.GetValueOrDefault(folded) ?? [folded];
            first.UnionWith(second);
            foreach (int member in first)
                classes[member] = first;
        }

        return classes.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray());
    }

    private static bool IsAssigned(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) != UnicodeCategory.OtherNotAssigned;
}
