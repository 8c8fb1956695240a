using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AgentRollout.Tokenization.PreTokenization;
using Xunit;

namespace AgentRollout.Tokenization.Tests.PreTokenization;

public sealed class SplitScannerTests
{
    [Theory]
    [InlineData(SplitScanner.Gpt2Pattern)]
    [InlineData(SplitScanner.Qwen2Pattern)]
    [InlineData(SplitScanner.Llama3Pattern)]
    public void Words_equal_those_of_the_regular_expression(string pattern)
    {
        SplitScanner scanner = SplitScanner.ForPattern(pattern)!;
        // .NET's case folding leaves U+017F alone; the reference's engine does not.
        Regex oracle = new(pattern.Replace("'s|'t|'re|'ve|'m|'ll|'d)", "'[s\u017F]|'t|'re|'ve|'m|'ll|'d)", StringComparison.Ordinal), RegexOptions.CultureInvariant);
        Random random = new(1);
        for (int round = 0; round < 20_000; round++)
        {
            string text = RandomText.Valid(random, random.Next(1, 12));
            Assert.Equal(OracleEnds(oracle, text), Ends(scanner, text));
        }
    }

    [Fact]
    public void Any_utf16_is_cut_without_gap()
    {
        Random random = new(2);
        for (int round = 0; round < 5_000; round++)
        {
            string text = RandomText.AnyUnits(random, random.Next(1, 20));
            foreach (SplitScanner scanner in new[] { SplitScanner.Gpt2, SplitScanner.Qwen2, SplitScanner.Llama3 })
                Assert.Equal(text.Length, Ends(scanner, text)[^1]);
        }
    }

    [Fact]
    public void An_unknown_pattern_has_no_scanner() => Assert.Null(SplitScanner.ForPattern(@"\s+"));

    private static List<int> Ends(SplitScanner scanner, string text)
    {
        List<int> ends = [];
        for (int start = 0; start < text.Length; start = ends[^1])
        {
            ends.Add(scanner.WordEnd(text, start));
            Assert.True(ends[^1] > start);
        }

        return ends;
    }

    /// <summary>The regular expression sees each scalar as one unit: astral ones stand in as a character of their class.</summary>
    private static List<int> OracleEnds(Regex oracle, string text)
    {
        StringBuilder units = new();
        List<int> ends = [0];
        foreach (Rune rune in text.EnumerateRunes())
        {
            units.Append(rune.IsBmp ? (char)rune.Value : Rune.IsLetter(rune) ? 'x' : Rune.IsNumber(rune) ? '7' : '#');
            ends.Add(ends[^1] + rune.Utf16SequenceLength);
        }

        return [.. oracle.Matches(units.ToString()).Select(match => ends[match.Index + match.Length])];
    }
}
