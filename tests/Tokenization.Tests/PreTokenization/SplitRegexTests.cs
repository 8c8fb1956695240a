using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.PreTokenization.Regex;
using Xunit;

namespace AgentRollout.Tokenization.Tests.PreTokenization;

/// <summary>Expected pieces were taken from Hugging Face's tokenizers 0.23.2, whose engine is Oniguruma.</summary>
public sealed class SplitRegexTests
{
    [Theory]
    [InlineData("a|ab", "ab", "a|b")]
    [InlineData("(?:a|ab)(?:c|bcd)", "abcd", "abcd")]
    [InlineData("a*?", "aab", "a|a|b")]
    [InlineData("a++b", "aab", "aab")]
    [InlineData("a?+a", "aa", "aa")]
    [InlineData("a{1,2}+b", "aaaaab", "aaaaab")]
    [InlineData("a{,2}", "aaab", "aa|a|b")]
    [InlineData("a{x}", "a{x}", "a{x}")]
    [InlineData("x*", "axxb", "a|xx|b")]
    [InlineData("", "abc", "a|b|c")]
    [InlineData("(?=b)", "abab", "a|ba|b")]
    [InlineData("(?<=a+)b", "aab", "aa|b")]
    [InlineData("(?<=a|bc)d", "ad bcd cd", "a|d| bc|d| cd")]
    [InlineData("(?<!a)b", "ab cb", "ab c|b")]
    [InlineData("(?>a+)b", "aab", "aab")]
    [InlineData("(a*)*b", "aaab", "aaab")]
    [InlineData("^a", "a\na", "a|\n|a")]
    [InlineData("a$", "a\na\n", "a|\n|a|\n")]
    [InlineData("a\\Z", "a\na\n", "a\n|a|\n")]
    [InlineData("\\Aa", "aa\na", "a|a\na")]
    [InlineData("\\b", "ab cd", "ab| |cd")]
    [InlineData("\\B", "ab cd", "a|b c|d")]
    [InlineData("(?m:a.)", "a\n", "a\n")]
    [InlineData("(?i)a(?-i)b", "AbAB", "Ab|AB")]
    [InlineData("(?i:[^k])", "\u212AkKx", "\u212AkK|x")]
    [InlineData("(?i:k)", "\u212A k", "\u212A| |k")]
    [InlineData("(?x) a b # c", "ab", "ab")]
    [InlineData("[a-z&&[^aeiou]]+", "abcde", "a|bcd|e")]
    [InlineData("[^a&&b]+", "abc", "abc")]
    [InlineData("[]a]+b", "]ab", "]ab")]
    [InlineData("[a-c-e]+", "abcde-x", "abc|d|e-|x")]
    [InlineData("\\R", "a\r\nb\n\u2028", "a|\r\n|b|\n|\u2028")]
    [InlineData("\\h+", "1g\u0664f", "1|g\u0664|f")]
    [InlineData("[[:punct:]]+", "a!$+<x", "a|!$+<|x")]
    [InlineData("\\p{Punct}+", "a!$+<x", "a|!|$+<x")]
    [InlineData("\\p{^L}+", "a12", "a|12")]
    [InlineData("\\p{Han}+", "a\u4E00\U00020000b", "a|\u4E00\U00020000|b")]
    [InlineData("\\d{1,3}(?=(?:\\d{3})*\\b)", "1234567 12", "1|234|567| |12")]
    [InlineData("[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+", " a b1", " a| b|1")]
    [InlineData("'(?i:[sdmt]|ll|ve|re)|\\s++$|\\s", "I'LL\u00A0 ", "I|'LL|\u00A0 ")]
    public void Pieces_equal_those_of_the_reference(string pattern, string text, string pieces) =>
        Assert.Equal(pieces, string.Join('|', Pieces(pattern, text)));

    [Theory]
    [InlineData("(a)\\1", "'\\1'")]
    [InlineData("\\Ka", "'\\K'")]
    [InlineData("(?s:.)", "'(?s'")]
    [InlineData("(?(1)a)", "'(?('")]
    [InlineData("\\p{Foo}", "'Foo'")]
    [InlineData("[[:foo:]]", "'[:foo:]'")]
    [InlineData("[\\w-a]", "range that begins with a set")]
    [InlineData("[z-a]", "swapped")]
    [InlineData("a{3,1}", "swapped")]
    [InlineData("[a", "an end")]
    [InlineData("(a", "'('")]
    [InlineData("a)", "')'")]
    [InlineData("(?:a?){3}b", "empty")]
    [InlineData("(?<=\\R)a", "'\\R'")]
    [InlineData("*a", "'*'")]
    [InlineData("(?i:ss)", "'ss'")]
    [InlineData("(?i:\u00DF)", "'\u00DF'")]
    [InlineData("(?i:[\\p{L}])", "class")]
    [InlineData("(?:(?:(?:a{1000}){1000}){1000}b){1000}", "too large")]
    public void What_cannot_be_honoured_is_refused_by_name(string pattern, string named) =>
        Assert.Contains(named, Assert.Throws<TokenizerException>(() => SplitRegex.Parse(pattern)).Message, StringComparison.Ordinal);

    [Fact]
    public void Classes_equal_those_of_the_reference()
    {
        JsonElement golden = JsonElement.Parse(File.ReadAllText(SharedFiles.InShared("golden", "regex-classes.json"))).GetProperty("classes");
        foreach (JsonProperty property in golden.EnumerateObject())
        {
            HashSet<int> expected = [.. property.Value.GetProperty("ranges").EnumerateArray().SelectMany(range => Codes(range.GetString()!))];
            SplitRegex regex = SplitRegex.Parse(property.Name);
            for (int code = 0; code < 0x110000; code++)
            {
                if (Rune.IsValid(code))
                    Assert.True(expected.Contains(code) == regex.TryFind(new Rune(code).ToString(), 0, out _, out _), $"{property.Name} and U+{code:X}");
            }
        }
    }

    [Theory]
    [InlineData("(a+)+b")]
    [InlineData("(?:a|a)*b")]
    [InlineData("(?:a*)*(?:a*)*b")]
    public void A_pattern_that_would_never_end_is_a_typed_error(string pattern)
    {
        SplitRegex regex = SplitRegex.Parse(pattern);
        Assert.Contains("steps", Assert.Throws<TokenizerException>(() => regex.TryFind(new string('a', 50_000), 0, out _, out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_runs_take_no_deep_stack()
    {
        string text = new('a', 1_000_000);
        Assert.True(SplitRegex.Parse("(?:a|b)*c|(?:(?:a)+)+").TryFind(text, 0, out _, out int end));
        Assert.Equal(text.Length, end);
    }

    [Fact]
    public void Random_patterns_parse_or_are_refused_and_never_hang()
    {
        string[] parts = ["a", "(", ")", "[", "]", "*", "+", "?", "{2,3}", "|", "\\p{L}", "(?i:", "(?=", "(?<!", "\\", "^", "-", "&&", "[:alpha:]", "\u00DF", "\\x{", "}", ".", "\\R"];
        Random random = new(21);
        int parsed = 0;
        for (int round = 0; round < 20_000; round++)
        {
            string pattern = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => parts[random.Next(parts.Length)]));
            try
            {
                SplitRegex regex = SplitRegex.Parse(pattern);
                parsed++;
                string text = RandomText.AnyUnits(random, 4) + RandomText.Valid(random, 6);
                int last = 0;
                SplitRegex.Matches matches = regex.FindAll(text);
                while (matches.MoveNext())
                {
                    Assert.InRange(matches.Start, last, matches.End);
                    last = matches.End;
                }
            }
            catch (TokenizerException)
            {
            }
        }

        Assert.InRange(parsed, 1_000, 19_000);
    }

    private static List<string> Pieces(string pattern, string text)
    {
        List<string> pieces = [];
        int last = 0;
        SplitRegex.Matches matches = SplitRegex.Parse(pattern).FindAll(text);
        while (matches.MoveNext())
        {
            pieces.AddRange([text[last..matches.Start], text[matches.Start..matches.End]]);
            last = matches.End;
        }

        pieces.Add(text[last..]);
        return [.. pieces.Where(piece => piece.Length > 0)];
    }

    private static IEnumerable<int> Codes(string range)
    {
        int[] ends = [.. range.Split('-').Select(code => int.Parse(code, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))];
        return Enumerable.Range(ends[0], ends[^1] - ends[0] + 1);
    }
}
