using System.Globalization;
using System.Text.RegularExpressions;
using AgentRollout.Environments.Loop;
using AgentRollout.Testing;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tools;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Loop;

public sealed partial class ResultShapingTests
{
    private static readonly Gen<string> Piece = Gen.OneOf(
        Gen.String[Gen.Char[' ', '~'], 1, 12],
        Gen.Const("\n"), Gen.Const("    "), Gen.Const("the "), Gen.Const("é"), Gen.Const("e\u0301"), Gen.Const("日本語の"), Gen.Const("😀"),
        Gen.Const("👩‍👩‍👧"), Gen.Const("🇩🇪"), Gen.Const("<|im_end|>"), Gen.Const("</s>"), Gen.Const("\u0000"), Gen.Const("ﬁ"), Gen.Const("한국어 "), Gen.Const("𝔘𝔫𝔦"),
        Gen.Int[0x80, 0x2FFF].Select(char.ConvertFromUtf32), Gen.Int[0x1F300, 0x1FAFF].Select(char.ConvertFromUtf32));

    private static readonly Gen<string> Text = Piece.Array[1, 250].Select(string.Concat);

    [Theory]
    [InlineData("tiny-agent")]
    [InlineData("deepseek_r1")]
    [InlineData("deepseek_v3")]
    [InlineData("gemma3")]
    [InlineData("gptoss")]
    [InlineData("llama2")]
    [InlineData("llama3_1")]
    [InlineData("mistral_v1")]
    [InlineData("qwen3")]
    public void A_shaped_result_keeps_to_its_tokens_and_to_whole_characters(string family)
    {
        ChatFormat format = Format(family);
        Gen.Select(Text, Gen.Int[ResultLimits.MinTokens, 200], Gen.Enum<Truncation>(), Gen.Int[256, 1_000]).Sample(
            (text, maxTokens, truncate, maxCharacters) =>
            {
                Check(format, text, (text, null), maxTokens, truncate);
                Check(format, text, CutBefore(text, maxCharacters, truncate), maxTokens, truncate);
            },
            iter: 60);
    }

    [Fact]
    public void A_character_that_is_cut_in_tokens_is_left_out_whole()
    {
        string text = string.Concat(Enumerable.Repeat("😀", 100));

        ShapedResult shaped = ResultShaping.Limit(TestPolicy.Format, text, null, ResultLimits.MinTokens, Truncation.Right);

        Assert.Matches("^(😀)+\n\\[\\d+ characters are left out here\\.\\]$", shaped.Text);
        Assert.InRange(shaped.Tokens, ResultLimits.MinTokens - 4, ResultLimits.MinTokens);
        Assert.Equal(200, shaped.FullLength);
    }

    private static void Check(ChatFormat format, string full, (string Text, ResultCut? Cut) result, int maxTokens, Truncation truncate)
    {
        ShapedResult shaped = ResultShaping.Limit(format, result.Text, result.Cut, maxTokens, truncate);

        Assert.Equal(format.EncodeContent(shaped.Text).Ids.Length, shaped.Tokens);
        Assert.InRange(shaped.Tokens, 0, maxTokens);
        if (format.EncodeContent(result.Text).Ids.Length <= maxTokens)
        {
            Assert.Equal((result.Text, result.Cut?.FullLength), (shaped.Text, shaped.FullLength));
            return;
        }

        Assert.Equal(full.Length, shaped.FullLength);
        Match notice = Notice().Matches(shaped.Text).First(match =>
            full.StartsWith(shaped.Text[..match.Index], StringComparison.Ordinal)
            && full.EndsWith(shaped.Text[(match.Index + match.Length)..], StringComparison.Ordinal));
        string head = shaped.Text[..notice.Index], tail = shaped.Text[(notice.Index + notice.Length)..];
        Assert.Equal(full.Length - head.Length - tail.Length, int.Parse(notice.Groups[1].Value, CultureInfo.InvariantCulture));
        Assert.False(head.Length > 0 && char.IsHighSurrogate(head[^1]));
        Assert.False(tail.Length > 0 && char.IsLowSurrogate(tail[0]));
        Assert.True(truncate != Truncation.Left || head is "");
        Assert.True(truncate != Truncation.Right || tail is "");
        if (result.Cut is null)
        {
            TokenizedText tokens = format.EncodeContent(full);
            Assert.Contains(head.Length, tokens.Starts.Prepend(0));
            Assert.Contains(full.Length - tail.Length, tokens.Starts.Append(full.Length));
        }
    }

    /// <summary>A result that its worker has cut by characters.</summary>
    private static (string Text, ResultCut? Cut) CutBefore(string text, int characters, Truncation truncate)
    {
        if (text.Length <= characters)
            return (text, null);
        int head = truncate switch { Truncation.Left => 0, Truncation.Right => characters, _ => characters / 2 };
        int tail = text.Length - (characters - head);
        if (head > 0 && char.IsHighSurrogate(text[head - 1]))
            head--;
        if (tail < text.Length && char.IsLowSurrogate(text[tail]))
            tail++;
        return (ResultCut.Join(text.AsSpan(0, head), text.AsSpan(tail), text.Length), new ResultCut(head, text.Length - tail, text.Length));
    }

    private static ChatFormat Format(string family) => ChatFormat.Load(
        family is "tiny-agent" ? SharedFiles.InRepository("models", family) : SharedFiles.InShared("tokenizers", family));

    [GeneratedRegex(@"\n?\[(\d+) characters? (?:is|are) left out here\.\]\n?")]
    private static partial Regex Notice();
}
