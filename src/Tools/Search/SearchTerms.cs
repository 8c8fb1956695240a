using System.Globalization;
using System.Text;

namespace AgentRollout.Tools.Search;

/// <summary>
/// Cuts a query into its words, so that nothing a model writes is read as a search operator: runs of letters, digits, marks and private-use
/// characters, which is what FTS5's <c>unicode61</c> tokenizer indexes. Each word counts once.
/// </summary>
internal static class SearchTerms
{
    /// <summary>Words beyond these are ignored; a query of thousands of words would cost as much as reading the corpus.</summary>
    public const int MaxTerms = 64;

    public static IReadOnlyList<string> Of(string query)
    {
        var terms = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var term = new StringBuilder();
        foreach (Rune rune in query.EnumerateRunes())
        {
            if (terms.Count == MaxTerms)
                break;
            if (IsPartOfWord(rune))
                term.Append(rune);
            else
                EndTerm();
        }

        if (terms.Count < MaxTerms)
            EndTerm();
        return [.. terms];

        void EndTerm()
        {
            if (term.Length > 0)
                terms.Add(term.ToString());
            term.Clear();
        }
    }

    private static bool IsPartOfWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.PrivateUse => true,
        _ => Rune.IsLetter(rune) || Rune.IsNumber(rune),
    };
}
