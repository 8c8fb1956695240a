using System.Text;
using System.Text.Json;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Tokenization.Tests;

/// <summary>
/// Tokenizers with parts, settings, vocabularies and added tokens drawn at random, random texts, and what Hugging Face's tokenizers 0.23.2
/// make of them.
/// </summary>
public sealed class RandomTokenizerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenizer").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Ids_and_texts_equal_the_reference()
    {
        int rows = 0;
        foreach ((Tokenizer tokenizer, JsonElement row) in Rows())
        {
            rows++;
            string text = row.GetProperty("text").GetString()!;
            Assert.Equal(Ids(row, "ids"), tokenizer.Encode(text));
            Assert.Equal(Ids(row, "ids"), tokenizer.EncodeWithStarts(text).Ids);
            Assert.Equal(Ids(row, "with_special"), tokenizer.EncodeWithSpecialTokens(text));
            if (row.GetProperty("decoded").GetString() is not { } decoded)
                continue;
            Assert.Equal(decoded, tokenizer.Decode(Ids(row, "decode_ids")));
            Assert.Equal(row.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(Ids(row, "decode_ids"), skipSpecialTokens: true));
        }

        Assert.True(rows > 500, $"{rows} rows");
    }

    [Fact]
    public void Streamed_text_is_never_taken_back_and_joins_to_the_decoded_text()
    {
        Random random = new(11);
        foreach ((Tokenizer tokenizer, JsonElement row) in Rows())
        {
            int[] ids = [.. Ids(row, "decode_ids"), .. Enumerable.Range(0, 8).Select(_ => random.Next(tokenizer.VocabularySize))];
            bool skip = random.Next(2) == 0;
            StreamingDecoder decoder = new(tokenizer, skip);
            StringBuilder streamed = new();
            for (int end = 1; end <= ids.Length; end++)
            {
                streamed.Append(decoder.Append(ids.AsSpan(end - 1, 1)));
                // Whatever follows, the text begins with what was streamed.
                int[] other = [.. ids.AsSpan(0, end), random.Next(tokenizer.VocabularySize), random.Next(tokenizer.VocabularySize)];
                Assert.StartsWith(streamed.ToString(), tokenizer.Decode(other, skip), StringComparison.Ordinal);
            }

            Assert.Equal(tokenizer.Decode(ids, skip), streamed + decoder.Flush());
        }
    }

    [Fact]
    public void Positions_of_tokens_never_fall_and_lie_in_the_text()
    {
        foreach ((Tokenizer tokenizer, JsonElement row) in Rows())
        {
            string text = row.GetProperty("text").GetString()!;
            int[] starts = tokenizer.EncodeWithStarts(text).Starts;
            Assert.Equal(starts.Order(), starts);
            Assert.All(starts, start => Assert.InRange(start, 0, text.Length));
        }
    }

    private IEnumerable<(Tokenizer Tokenizer, JsonElement Row)> Rows()
    {
        foreach (string line in File.ReadLines(SharedFiles.InRepository("tests", "Testing", "Fixtures", "random-tokenizers.jsonl")))
        {
            JsonElement random = JsonElement.Parse(line);
            File.WriteAllText(Path.Combine(_directory, "tokenizer.json"), random.GetProperty("tokenizer").GetRawText());
            Tokenizer tokenizer = Tokenizer.Load(_directory);
            foreach (JsonElement row in random.GetProperty("rows").EnumerateArray())
                yield return (tokenizer, row);
        }
    }

    private static int[] Ids(JsonElement row, string member) => [.. row.GetProperty(member).EnumerateArray().Select(id => id.GetInt32())];
}
