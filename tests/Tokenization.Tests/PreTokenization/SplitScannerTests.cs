using AgentRollout.Tokenization.PreTokenization;
using AgentRollout.Tokenization.PreTokenization.Regex;
using Xunit;

namespace AgentRollout.Tokenization.Tests.PreTokenization;

public sealed class SplitScannerTests
{
    public static readonly TheoryData<string> Patterns = new(
        SplitScanner.Gpt2Pattern, SplitScanner.Qwen2Pattern, SplitScanner.Llama3Pattern, SplitScanner.Qwen35Pattern, SplitScanner.O200kPattern);

    /// <summary>One or more characters of every class, and what the patterns name.</summary>
    private static readonly string[] Alphabet =
    [
        "a", "b", "A", "B", "\u01C5", "\u02B0", "\u65E5", "\u0301", "\u0903", "1", "\u0664", "\u00BD", " ", "\t", "\u00A0", "\u3000", "\r", "\n", "/", "!", "-",
        "'", "'s", "'S", "'\u017F", "'re", "'LL", "'l", "\u200B", "\uFFFD", "\u0378", "\U00010400", "\U00010428", "\U00010330", "\U0001D7D8", "\U0001F600", "\U000E0100",
    ];

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Words_are_the_matches_of_the_pattern(string pattern)
    {
        SplitScanner scanner = SplitScanner.ForPattern(pattern)!;
        SplitRegex regex = SplitRegex.Parse(pattern);
        Random random = new(1);
        for (int round = 0; round < 40_000; round++)
        {
            string text = round % 8 == 0
                ? RandomText.AnyUnits(random, random.Next(1, 20))
                : string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            for (int start = 0; start < text.Length;)
            {
                Assert.True(regex.TryFind(text, start, out int matchStart, out int end));
                Assert.Equal(start, matchStart);
                Assert.Equal(end, scanner.WordEnd(text, start));
                start = end;
            }
        }
    }

    [Fact]
    public void An_unknown_pattern_has_no_scanner() => Assert.Null(SplitScanner.ForPattern(@"\s+"));

    [Theory]
    [InlineData("HTMLParser don'T", "HTMLParser| don'T")]
    [InlineData("\u65E5\u672CABC x", "\u65E5\u672C|ABC| x")]
    [InlineData("\u0301A b", "\u0301|A| b")]
    [InlineData("a//\n\n/b", "a|//\n\n/|b")]
    public void Cases_count_in_o200k(string text, string words)
    {
        List<string> found = [];
        for (int start = 0; start < text.Length;)
        {
            int end = SplitScanner.O200k.WordEnd(text, start);
            found.Add(text[start..end]);
            start = end;
        }

        Assert.Equal(words, string.Join('|', found));
    }
}
