using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Models;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Models;

/// <summary>Small unigram models, with and without byte fallback, and what Hugging Face's tokenizers 0.23.2 and SentencePiece make of texts.</summary>
public sealed class UnigramModelTests : IDisposable
{
    private const string NoTokens =
        """{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":null,"model":{"type":"Unigram"}}""";

    private readonly string _directory = Directory.CreateTempSubdirectory("unigram").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Ids_and_texts_equal_the_references()
    {
        int alike = 0;
        foreach ((Tokenizer tokenizer, JsonElement row) in Rows())
        {
            string text = row.GetProperty("text").GetString()!;
            int[] ids = Ids(row, "ids");
            Assert.Equal(ids, tokenizer.Encode(text));
            Assert.Equal(ids, tokenizer.EncodeWithStarts(text).Ids);
            Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
            if (!row.TryGetProperty("spm_ids", out _))
                continue; // the two references differ
            alike++;
            Assert.Equal(ids, Ids(row, "spm_ids"));
        }

        Assert.True(alike > 200, $"{alike} rows on which both references agree");
    }

    [Fact]
    public void Streamed_text_joins_to_the_decoded_text()
    {
        foreach ((Tokenizer tokenizer, JsonElement row) in Rows())
        {
            int[] ids = Ids(row, "ids");
            StreamingDecoder decoder = new(tokenizer, skipSpecialTokens: false);
            StringBuilder streamed = new();
            foreach (int id in ids)
                streamed.Append(decoder.Append([id]));
            Assert.Equal(tokenizer.Decode(ids), streamed + decoder.Flush());
        }
    }

    /// <summary>The reference is the plain definition: every way to cut the word.</summary>
    [Fact]
    public void No_other_way_to_cut_a_word_scores_more()
    {
        Random random = new(5);
        for (int round = 0; round < 300; round++)
        {
            Dictionary<string, double> scores = new(StringComparer.Ordinal) { ["<unk>"] = 0 };
            for (int i = random.Next(1, 12); i > 0; i--)
                scores[Word(random, 4)] = -random.Next(1, 64) / 4.0; // sums are exact
            Tokenizer tokenizer = Load(scores);
            string word = Word(random, 10);
            int[] ids = tokenizer.Encode(word);
            double unknown = scores.Values.Min() - 10;
            Assert.Equal(Best(word, scores, unknown), Score(tokenizer, word, ids, scores, unknown), 9);
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("z")]
    [InlineData("\u00E9")]
    public void A_megabyte_of_one_letter_is_encoded(string letter)
    {
        Tokenizer tokenizer = Load(new(StringComparer.Ordinal) { ["<unk>"] = 0, ["a"] = -1, ["aa"] = -1.5, ["\u00E9"] = -2 });
        string text = string.Concat(Enumerable.Repeat(letter, 1 << 20));
        Assert.Equal(letter == "a" ? 1 << 19 : letter == "z" ? 1 : 1 << 20, tokenizer.Encode(text).Length);
    }

    [Fact]
    public void A_model_without_an_unknown_token_says_so()
    {
        Tokenizer tokenizer = Load(new(StringComparer.Ordinal) { ["a"] = -1 }, unknown: null);
        Assert.Equal([0], tokenizer.Encode("a"));
        Assert.Contains("unk_id", Assert.Throws<TokenizerException>(() => tokenizer.Encode("b")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"Unigram","unk_id":7,"vocab":[["a",-1]]}""", "'unk_id' 7")]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":[["a"]]}""", "no number")]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":[["a",-1,2]]}""", "more than a score")]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":[["a",1e999]]}""", "out of range")]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":{"a":0}}""", "scores")]
    [InlineData("""{"type":"Unigram","unk_id":0,"dropout":0.1,"vocab":[["a",-1]]}""", "dropout")]
    public void What_cannot_be_honoured_is_refused_by_name(string model, string named)
    {
        JsonNode file = JsonNode.Parse(NoTokens)!;
        file["model"] = null;
        string text = file.ToJsonString().Replace("\"model\":null", $"\"model\":{model}", StringComparison.Ordinal);
        Assert.Contains(named, Assert.Throws<TokenizerException>(() => LoadFile(text)).Message, StringComparison.Ordinal);
    }

    /// <summary>What the reference's reader makes of numbers, where that is not the nearest one and where it is.</summary>
    [Theory]
    [InlineData("-3.4028234663852886e+38", -3.402823466385289e+38)]
    [InlineData("-12.0345678", -12.0345678)]
    [InlineData("123456789012345678901234567890", 1.2345678901234568e+29)]
    [InlineData("1e-400", 0.0)]
    [InlineData("-7.000000000000000001", -7.0)]
    [InlineData("0.30000000000000004", 0.30000000000000004)]
    [InlineData("5e-324", 5e-324)]
    [InlineData("-13.3790283203125", -13.3790283203125)]
    public void Scores_are_read_as_the_reference_reads_them(string json, double value) =>
        Assert.Equal(value, ReferenceNumber.Parse(Encoding.UTF8.GetBytes(json)));

    private IEnumerable<(Tokenizer Tokenizer, JsonElement Row)> Rows()
    {
        string fixtures = SharedFiles.InRepository("tests", "Tokenization.Tests", "Fixtures");
        using MemoryStream charsmap = new();
        using (BrotliStream compressed = new(File.OpenRead(Path.Combine(fixtures, "nmt-nfkc.br")), CompressionMode.Decompress))
            compressed.CopyTo(charsmap);
        string rules = Convert.ToBase64String(charsmap.ToArray());
        foreach (string line in File.ReadLines(Path.Combine(fixtures, "unigram-vectors.jsonl")))
        {
            JsonElement vectors = JsonElement.Parse(line);
            string file = vectors.GetProperty("tokenizer").GetRawText();
            Tokenizer tokenizer = LoadFile(file.Replace("\"precompiled_charsmap\": \"\"", $"\"precompiled_charsmap\": \"{rules}\"", StringComparison.Ordinal));
            foreach (JsonElement row in vectors.GetProperty("rows").EnumerateArray())
                yield return (tokenizer, row);
        }
    }

    private Tokenizer Load(Dictionary<string, double> scores, int? unknown = 0)
    {
        JsonNode file = JsonNode.Parse(NoTokens)!;
        file["model"]!["unk_id"] = unknown;
        file["model"]!["vocab"] = new JsonArray([.. scores.Select(token => new JsonArray(token.Key, token.Value))]);
        return LoadFile(file.ToJsonString());
    }

    private Tokenizer LoadFile(string file)
    {
        File.WriteAllText(Path.Combine(_directory, "tokenizer.json"), file);
        return Tokenizer.Load(_directory);
    }

    private static int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    private static string Word(Random random, int most) =>
        string.Concat(Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => "ab\u00E9"[random.Next(3)]));

    /// <summary>The largest sum over the ways to cut; a character that is no token by itself may also be unknown.</summary>
    private static double Best(string word, Dictionary<string, double> scores, double unknown)
    {
        if (word.Length == 0)
            return 0;
        double best = scores.ContainsKey(word[..1]) ? double.NegativeInfinity : unknown + Best(word[1..], scores, unknown);
        for (int length = 1; length <= word.Length; length++)
        {
            if (scores.TryGetValue(word[..length], out double score))
                best = Math.Max(best, score + Best(word[length..], scores, unknown));
        }

        return best;
    }

    private static double Score(Tokenizer tokenizer, string word, int[] ids, Dictionary<string, double> scores, double unknown)
    {
        TokenizedText tokens = tokenizer.EncodeWithStarts(word);
        Assert.Equal(ids, tokens.Ids);
        double sum = 0;
        for (int i = 0; i < ids.Length; i++)
        {
            int length = (i + 1 < ids.Length ? tokens.Starts[i + 1] : word.Length) - tokens.Starts[i];
            sum += ids[i] == 0 ? length * unknown : scores[word.Substring(tokens.Starts[i], length)];
        }

        return sum;
    }
}
