using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AgentRollout.Tools.Dispatch;
using CsCheck;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed partial class ResultTextTests
{
    private static readonly Gen<string> Text =
        Gen.OneOf(Gen.Const("a"), Gen.Const("é"), Gen.Const("😀"), Gen.Const("\uD83D"), Gen.Const("\uDE00")).Array[300, 900].Select(string.Concat);

    [Fact]
    public void A_text_within_the_limit_stays_the_same()
    {
        string text = string.Concat(Enumerable.Repeat("a😀", 200));
        Assert.Equal((text, null), ResultText.Limit(text, new ResultLimit(text.Length, Truncation.Middle)));
        Assert.Equal(("a\uFFFDb\uFFFD", null), ResultText.Limit("a\uD800b\uDC00", new ResultLimit(256, Truncation.Left)));
    }

    [Fact]
    public void A_longer_text_keeps_what_is_wanted_and_says_how_much_is_left_out() =>
        Gen.Select(Text, Gen.Int[256, 400], Gen.Enum<Truncation>()).Sample((text, limit, truncate) =>
        {
            (string cut, ResultCut? kept) = ResultText.Limit(text, new ResultLimit(limit, truncate));
            string full = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            if (text.Length <= limit)
            {
                Assert.Equal((full, null), (cut, kept));
                return;
            }

            Assert.InRange(cut.Length, limit - ResultCut.NoticeLength, limit);
            Match match = Notice().Match(cut);
            Assert.True(match.Success, cut);
            string head = match.Groups[1].Value, tail = match.Groups[3].Value;
            Assert.StartsWith(head, full, StringComparison.Ordinal);
            Assert.EndsWith(tail, full, StringComparison.Ordinal);
            Assert.Equal(new ResultCut(head.Length, tail.Length, text.Length), kept);
            Assert.Equal((truncate == Truncation.Left, truncate == Truncation.Right), (head.Length == 0, tail.Length == 0));
            Assert.Equal(text.Length - head.Length - tail.Length, int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
            Assert.Equal(cut, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)));
        });

    [Theory]
    [InlineData(1, "a\n[1 character is left out here.]\nc")]
    [InlineData(2, "a\n[2 characters are left out here.]\nc")]
    public void The_sentence_counts(int omitted, string expected) => Assert.Equal(expected, ResultCut.Join("a", "c", 2 + omitted));

    [Fact]
    public void The_sentence_has_room_for_any_number() => Assert.InRange(ResultCut.Join("a", "c", int.MaxValue).Length, 1, ResultCut.NoticeLength);

    [GeneratedRegex(@"^(?:([^\[]*)\n)?\[(\d+) characters are left out here\.\](?:\n([^\]]*))?$")]
    private static partial Regex Notice();
}
