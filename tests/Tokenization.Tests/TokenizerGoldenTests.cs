using System.Text.Json;
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

    [Fact]
    public void Drifted_ids_decode_and_re_encode_as_the_reference_does()
    {
        Tokenizer tokenizer = TestTokenizers.Shared("qwen3");
        foreach (JsonElement row in TestTokenizers.GoldenRows("drift-qwen3.jsonl"))
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
