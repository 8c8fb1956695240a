using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests;

/// <summary>The ids and texts of Hugging Face's tokenizers, row by row.</summary>
public sealed class TokenizerGoldenTests
{
    [Theory]
    [InlineData("qwen3")]
    [InlineData("gpt2")]
    [InlineData("llama3_1")]
    [InlineData("llama2")]
    [InlineData("mistral_v1")]
    [InlineData("gemma3")]
    [InlineData("bert_wordpiece")]
    [InlineData("deepseek_v3")]
    [InlineData("gptoss")]
    public void Ids_equal_the_reference(string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        foreach (JsonElement row in TestTokenizers.GoldenRows($"encode-{family}.jsonl"))
        {
            string text = row.GetProperty("text").GetString()!;
            Assert.Equal(Ids(row), tokenizer.Encode(text));
            Assert.Equal(Ids(row), tokenizer.EncodeWithStarts(text).Ids);
        }
    }

    [Theory]
    [InlineData("qwen3")]
    [InlineData("gpt2")]
    [InlineData("llama3_1")]
    [InlineData("llama2")]
    [InlineData("mistral_v1")]
    [InlineData("gemma3")]
    [InlineData("bert_wordpiece")]
    [InlineData("deepseek_v3")]
    [InlineData("gptoss")]
    public void Decoded_text_equals_the_reference(string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        foreach (JsonElement row in TestTokenizers.GoldenRows($"encode-{family}.jsonl"))
        {
            string decoded = row.GetProperty("decoded").GetString()!;
            string withoutSpecial = row.TryGetProperty("decoded_skip_special", out JsonElement value) ? value.GetString()! : decoded;
            Assert.Equal(decoded, tokenizer.Decode(Ids(row)));
            Assert.Equal(withoutSpecial, tokenizer.Decode(Ids(row), skipSpecialTokens: true));
        }
    }

    [Theory]
    [InlineData("qwen3", new int[0], new int[0])]
    [InlineData("llama3_1", new[] { 128000 }, new int[0])]
    [InlineData("llama2", new[] { 1 }, new int[0])]
    [InlineData("mistral_v1", new[] { 1 }, new int[0])]
    [InlineData("gemma3", new[] { 2 }, new int[0])]
    [InlineData("bert_wordpiece", new[] { 101 }, new[] { 102 })]
    [InlineData("deepseek_v3", new int[0], new int[0])]
    public void Special_tokens_stand_around_a_text_on_request(string family, int[] before, int[] after)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        foreach (JsonElement row in TestTokenizers.GoldenRows($"encode-{family}.jsonl").Take(50))
            Assert.Equal([.. before, .. Ids(row), .. after], tokenizer.EncodeWithSpecialTokens(row.GetProperty("text").GetString()!));
    }

    [Theory]
    [InlineData("llama-bpe", "llama3_1")]
    [InlineData("gpt-2", "gpt2")]
    [InlineData("llama-spm", "llama2")]
    [InlineData("phi-3", "llama2")]
    [InlineData("qwen2", "qwen3")]
    [InlineData("bert-bge", "bert_wordpiece")]
    [InlineData("gemma-4", "gemma3")]
    public void Ids_equal_those_of_llama_cpps_tests(string vectors, string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        string[] texts = File.ReadAllText(SharedFiles.InShared("golden", "llamacpp-vocab", vectors + ".inp")).Split("\n__ggml_vocab_test__\n");
        string[] lines = File.ReadAllLines(SharedFiles.InShared("golden", "llamacpp-vocab", vectors + ".out"));
        foreach ((string text, string line) in texts.Zip(lines))
            Assert.Equal(line.Trim(), string.Join(' ', tokenizer.Encode(text)));
    }

    [Theory]
    [InlineData("llama2")]
    [InlineData("gemma3")]
    [InlineData("qwen3")]
    [InlineData("bert_wordpiece")]
    public void A_megabyte_of_one_letter_takes_no_quadratic_time(string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        string text = new('a', 1 << 20);
        string decoded = tokenizer.Decode(tokenizer.Encode(text));
        Assert.Equal(family == "bert_wordpiece" ? "[UNK]" : text, decoded);
    }

    [Fact]
    public void Content_of_a_rendered_text_is_encoded_in_place_but_spells_no_control_token()
    {
        Tokenizer tokenizer = TestTokenizers.Shared("llama2");
        const string Plain = "<s>[INST] how are you [/INST] fine </s>";
        Assert.Equal(tokenizer.Encode(Plain), tokenizer.EncodeWithStarts(Plain, [new CharSpan(10, 21), new CharSpan(30, 34)]).Ids);
        const string Hostile = "<s>[INST] how </s> you [/INST] fine </s>";
        int[] ids = tokenizer.EncodeWithStarts(Hostile, [new CharSpan(10, 22), new CharSpan(31, 35)]).Ids;
        Assert.Equal(1, ids.Count(id => id == 2));
        Assert.Equal(Hostile[3..^4], tokenizer.Decode(ids.AsSpan(1..^1)));
    }

    [Theory]
    [InlineData("qwen3")]
    [InlineData("llama3_1")]
    [InlineData("llama2")]
    [InlineData("mistral_v1")]
    [InlineData("gemma3")]
    [InlineData("gptoss")]
    [InlineData("deepseek_r1")]
    [InlineData("deepseek_v3")]
    public void Drifted_ids_decode_and_re_encode_as_the_reference_does(string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        foreach (JsonElement row in TestTokenizers.GoldenRows($"drift-{family}.jsonl"))
        {
            if (row.GetProperty("type").GetString() != "roundtrip")
                continue;
            string decoded = tokenizer.Decode(Ids(row));
            Assert.Equal(row.GetProperty("decoded").GetString(), decoded);
            Assert.Equal(Ids(row, "reencoded"), tokenizer.Encode(decoded));
        }
    }

    private static int[] Ids(JsonElement row, string member = "ids") => [.. row.GetProperty(member).EnumerateArray().Select(id => id.GetInt32())];
}
