using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AgentRollout.Tools.Dispatch;
using CsCheck;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed partial class ResultTextTests
{
    [Fact]
    public void A_text_within_the_limit_stays_the_same()
    {
        string text = string.Concat(Enumerable.Repeat("a😀", 200));
        Assert.Equal(text, ResultText.Limit(text, text.Length));
        Assert.Equal("a\uFFFDb\uFFFD", ResultText.Limit("a\uD800b\uDC00", 256));
    }

    [Fact]
    public void A_longer_text_keeps_its_ends_and_says_how_much_is_left_out() =>
        Gen.Select(Gen.OneOf(Gen.Const("a"), Gen.Const("é"), Gen.Const("😀")).Array[300, 900], Gen.Int[256, 400]).Sample((characters, limit) =>
        {
            string text = string.Concat(characters);
            string cut = ResultText.Limit(text, limit);
            if (text.Length <= limit)
            {
                Assert.Equal(text, cut);
                return;
            }

            Assert.InRange(cut.Length, limit - 64, limit);
            Match match = Notice().Match(cut);
            Assert.True(match.Success, cut);
            string head = match.Groups[1].Value, tail = match.Groups[3].Value;
            Assert.StartsWith(head, text);
            Assert.EndsWith(tail, text);
            Assert.Equal(text.Length - head.Length - tail.Length, int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
            Assert.Equal(cut, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)));
        });

    [GeneratedRegex(@"^([^\[]*)\n\[(\d+) characters are left out here\.\]\n([^\]]*)$")]
    private static partial Regex Notice();
}
