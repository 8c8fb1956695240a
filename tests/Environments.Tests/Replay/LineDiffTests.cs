using AgentRollout.Environments.Replay;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Replay;

public sealed class LineDiffTests
{
    [Fact]
    public void The_same_text_has_no_difference() => Assert.Equal("", LineDiff.Compute("a\nb", "a\nb"));

    [Fact]
    public void Two_common_lines_stand_around_a_change() =>
        Assert.Equal(" 3\n 4\n-5\n+five\n 6\n 7\n", LineDiff.Compute("1\n2\n3\n4\n5\n6\n7\n8", "1\n2\n3\n4\nfive\n6\n7\n8"));

    [Fact]
    public void Of_endless_texts_a_part_is_compared()
    {
        string[] lines = LineDiff.Compute(Lines("a"), Lines("b")).TrimEnd('\n').Split('\n');

        Assert.Equal((2 * LineDiff.MostLines) + 1, lines.Length);
        Assert.Equal("… 200 more lines", lines[^1]);

        static string Lines(string prefix) => string.Join('\n', Enumerable.Range(0, LineDiff.MostLines + 100).Select(line => $"{prefix}{line}"));
    }

    [Fact]
    public void Both_texts_stand_in_the_difference()
    {
        Gen<string> text = Gen.Char['a', 'd'].Array[0, 12].Select(letters => string.Join('\n', letters));
        Gen.Select(text, text).Sample((before, after) =>
        {
            string diff = LineDiff.Compute(before, after);

            string[] lines = diff.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(before == after, diff.Length == 0);
            Assert.Contains(Side('-'), before, StringComparison.Ordinal);
            Assert.Contains(Side('+'), after, StringComparison.Ordinal);
            Assert.Equal(before.Split('\n').Length - after.Split('\n').Length, lines.Count(line => line[0] == '-') - lines.Count(line => line[0] == '+'));

            string Side(char sign) => string.Join('\n', lines.Where(line => line[0] == ' ' || line[0] == sign).Select(line => line[1..]));
        });
    }
}
