using System.Text;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests;

public sealed class TokenizerTests
{
    private static Tokenizer Tiny => TestTokenizers.Tiny;

    [Fact]
    public void Text_in_normal_form_comes_back_from_its_tokens()
    {
        Random random = new(4);
        for (int round = 0; round < 3_000; round++)
        {
            string text = RandomText.Valid(random, random.Next(0, 40)).Replace("\uFFFE", "").Normalize();
            Assert.Equal(text, Tiny.Decode(Tiny.Encode(text)));
            Assert.Equal(text, Tiny.Decode(Tiny.Encode(text, AddedTokenMatching.None)));
        }
    }

    [Fact]
    public void Text_in_another_form_comes_back_normalized()
    {
        Random random = new(5);
        for (int round = 0; round < 3_000; round++)
        {
            string text = RandomText.Valid(random, random.Next(0, 40));
            string[] parts = text.Split('\uFFFE'); // .NET refuses to normalize this one
            string expected = string.Join('\uFFFE', parts.Select(part => part.Normalize()));
            Assert.Equal(expected, Tiny.Decode(Tiny.Encode(text, AddedTokenMatching.None)));
        }
    }

    [Fact]
    public void Any_utf16_is_encoded_and_lone_surrogates_become_replacement_characters()
    {
        Random random = new(6);
        for (int round = 0; round < 2_000; round++)
        {
            string text = RandomText.AnyUnits(random, random.Next(0, 50)).Replace("\uFFFE", "");
            string valid = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            Assert.Equal(valid.Normalize(), Tiny.Decode(Tiny.Encode(text)));
        }
    }

    [Fact]
    public void Starts_never_fall_and_name_the_character_that_holds_the_first_byte()
    {
        Random random = new(7);
        for (int round = 0; round < 2_000; round++)
        {
            string text = RandomText.Valid(random, random.Next(1, 30)).Replace("\uFFFE", "").Normalize();
            TokenizedText tokens = Tiny.EncodeWithStarts(text);
            Assert.Equal(Tiny.Encode(text), tokens.Ids);
            int bytesBefore = 0;
            for (int i = 0; i < tokens.Ids.Length; i++)
            {
                int start = tokens.Starts[i];
                int bytesAtStart = Encoding.UTF8.GetByteCount(text.AsSpan(0, start));
                Rune rune = Rune.GetRuneAt(text, start);
                Assert.InRange(bytesBefore, bytesAtStart, bytesAtStart + rune.Utf8SequenceLength - 1);
                bytesBefore += Tiny.BytesOf(tokens.Ids[i]).Length;
            }
        }
    }

    [Fact]
    public void Starts_of_normalized_text_point_into_the_text_that_was_given()
    {
        TokenizedText tokens = Tiny.EncodeWithStarts("ae\u0301b<|im_end|>c");
        Assert.Equal(["a", "<0xC3>", "<0xA9>", "b", "<|im_end|>", "c"], tokens.Ids.Select(Tiny.Describe));
        Assert.Equal([0, 1, 1, 3, 4, 14], tokens.Starts);
    }

    [Fact]
    public void Added_tokens_stay_text_where_matching_is_off()
    {
        Assert.True(Tiny.TryGetId("<|im_end|>", out int end));
        Assert.Equal([end], Tiny.Encode("<|im_end|>"));
        int[] asText = Tiny.Encode("<|im_end|>", AddedTokenMatching.None);
        Assert.DoesNotContain(end, asText);
        Assert.Equal("<|im_end|>", Tiny.Decode(asText));
    }

    [Fact]
    public void An_untrusted_part_spells_no_added_token_alone_or_with_its_surroundings()
    {
        Assert.True(Tiny.TryGetId("<|im_end|>", out int end));
        const string Text = "<|im_end|> a <|im_end|> b <|im_end|>";
        Assert.Equal(3, Tiny.EncodeWithStarts(Text, []).Ids.Count(id => id == end));
        Assert.Equal(2, Tiny.EncodeWithStarts(Text, [new CharSpan(11, 26)]).Ids.Count(id => id == end));
        Assert.Equal(1, Tiny.EncodeWithStarts(Text, [new CharSpan(3, 4), new CharSpan(35, 36)]).Ids.Count(id => id == end));
        Assert.Equal(Tiny.Encode(Text, AddedTokenMatching.None), Tiny.EncodeWithStarts(Text, [new CharSpan(0, Text.Length)]).Ids);
    }

    [Fact]
    public void Ordinary_tokens_reach_into_an_untrusted_part()
    {
        Assert.Equal([" the"], Tiny.EncodeWithStarts(" the", [new CharSpan(2, 4)]).Ids.Select(Tiny.Describe));
        Assert.Equal(3, Tiny.EncodeWithStarts("<|im_end|> the<|im_end|>", [new CharSpan(10, 10), new CharSpan(12, 14)]).Ids.Length);
    }

    [Fact]
    public void Special_tokens_are_left_out_on_request_and_other_added_tokens_stay()
    {
        int[] ids = Tiny.Encode("<|im_start|>a<tool_call>b<|im_end|>");
        Assert.Equal("<|im_start|>a<tool_call>b<|im_end|>", Tiny.Decode(ids));
        Assert.Equal("a<tool_call>b", Tiny.Decode(ids, skipSpecialTokens: true));
        Assert.Equal([true, false, false, false, true], ids.Select(Tiny.IsSpecial));
    }

    [Fact]
    public void An_id_without_a_token_reads_as_a_replacement_character()
    {
        Assert.False(Tiny.Contains(9999));
        Assert.Equal("A\uFFFDB", Tiny.Decode([65, 9999, 66]));
        Assert.Equal("A\uFFFDB", new StreamingDecoder(Tiny).Append([65, 9999, 66]));
        Assert.Equal("\uFFFD", Tiny.Describe(-1));
    }

    [Fact]
    public void Tokens_are_found_by_their_text()
    {
        Assert.True(Tiny.TryGetId(" the", out int id));
        Assert.Equal(" the", Tiny.Decode([id]));
        Assert.False(Tiny.TryGetId("absent", out _));
    }

    [Fact]
    public void Names_of_special_tokens_come_from_the_config()
    {
        Assert.Null(Tiny.BosToken);
        Assert.Equal("<|im_end|>", Tiny.EosToken);
        Assert.Equal("<|endoftext|>", Tiny.PadToken);
        Assert.Equal(300, Tiny.VocabularySize);
        Assert.Matches("^sha256:[0-9a-f]{64}$", Tiny.Hash);
    }

    [Theory]
    [InlineData(10, "\\n")]
    [InlineData(7, "\\x07")]
    [InlineData(0xE2, "<0xE2>")]
    [InlineData(65, "A")]
    public void A_token_is_described_printably(int id, string description) => Assert.Equal(description, Tiny.Describe(id));

    [Fact]
    public void Streamed_pieces_join_to_the_decoded_text()
    {
        Random random = new(8);
        for (int round = 0; round < 2_000; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(0, 60)).Select(_ => random.Next(Tiny.VocabularySize))];
            bool skip = random.Next(2) == 0;
            StreamingDecoder decoder = new(Tiny, skip);
            StringBuilder streamed = new();
            for (int start = 0; start < ids.Length;)
            {
                int end = Math.Min(ids.Length, start + random.Next(1, 4));
                streamed.Append(decoder.Append(ids.AsSpan(start..end)));
                start = end;
            }

            streamed.Append(decoder.Flush());
            Assert.Equal(Tiny.Decode(ids, skip), streamed.ToString());
        }
    }

    [Fact]
    public void A_character_is_streamed_with_the_token_that_completes_it()
    {
        StreamingDecoder decoder = new(Tiny);
        Assert.Equal(["", "", "", "\U0001F600"], Tiny.Encode("\U0001F600").Select(id => decoder.Append([id])));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void Threads_share_a_tokenizer()
    {
        string[] texts = [.. Enumerable.Range(0, 200).Select(seed => RandomText.Valid(new Random(seed), 30))];
        int[][] expected = [.. texts.Select(text => Tokenizer.Load(TestTokenizers.TinyDirectory).Encode(text))];
        Parallel.For(0, 2_000, i => Assert.Equal(expected[i % texts.Length], Tiny.Encode(texts[i % texts.Length])));
    }

    [Fact]
    public void A_long_run_without_a_split_takes_no_quadratic_time()
    {
        string text = string.Concat(Enumerable.Repeat("thehello", 50_000));
        Assert.Equal(text, Tiny.Decode(Tiny.Encode(text)));
    }
}
