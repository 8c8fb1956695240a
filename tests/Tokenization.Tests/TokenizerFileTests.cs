using System.Text.Json.Nodes;
using Xunit;

namespace AgentRollout.Tokenization.Tests;

/// <summary>What is read from a tokenizer.json, and what is refused by name.</summary>
public sealed class TokenizerFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenizer").FullName;
    private readonly JsonObject _file =
        JsonNode.Parse(File.ReadAllText(Path.Combine(TestTokenizers.TinyDirectory, "tokenizer.json")))!.AsObject();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_file_cut_anywhere_is_a_typed_error()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(TestTokenizers.TinyDirectory, "tokenizer.json"));
        int end = Array.FindLastIndex(whole, value => value == '}');
        for (int length = 0; length <= end; length += 37)
            AssertRefused(whole[..length], "tokenizer.json");
    }

    [Fact]
    public void A_damaged_file_is_a_typed_error_or_loads()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(TestTokenizers.TinyDirectory, "tokenizer.json"));
        Random random = new(9);
        int refused = 0;
        for (int round = 0; round < 500; round++)
        {
            byte[] damaged = [.. whole];
            for (int i = random.Next(1, 4); i > 0; i--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                Load(damaged).Encode("hello the user\n\u00E9");
            }
            catch (TokenizerException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 499);
    }

    [Theory]
    [InlineData("model.type", "\"Bigram\"", "Bigram")]
    [InlineData("model.type", "\"Unigram\"", "scores")]
    [InlineData("model.type", "\"WordPiece\"", "dropout")]
    [InlineData("model.dropout", "0.1", "dropout")]
    [InlineData("model.surprise", "1", "surprise")]
    [InlineData("model.vocab", "[]", "vocab")]
    [InlineData("model.merges", "[\"a\"]", "merge")]
    [InlineData("model.merges", "[\"zz q\"]", "zz")]
    [InlineData("model.merges", "[[\"a\",\"b\",\"c\"]]", "merge")]
    [InlineData("normalizer", "{\"type\":\"Precompiled2\"}", "Precompiled2")]
    [InlineData("normalizer", "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA*\"}", "Base64")]
    [InlineData("normalizer", "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////w==\"}", "damaged")]
    [InlineData("pre_tokenizer", "{\"type\":\"Metaspace\"}", "replacement")]
    [InlineData("pre_tokenizer", "{\"type\":\"UnicodeScript\"}", "UnicodeScript")]
    [InlineData("pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"String\":\"\"},\"behavior\":\"Isolated\"}", "empty")]
    [InlineData("pre_tokenizer.pretokenizers.0.behavior", "\"Taken\"", "Taken")]
    [InlineData("post_processor", "{\"type\":\"RobertaProcessing\"}", "cls")]
    [InlineData("post_processor", "{\"type\":\"Surprise\"}", "Surprise")]
    [InlineData("decoder", "{\"type\":\"Surprise\"}", "Surprise")]
    [InlineData("decoder", "{\"type\":\"BPEDecoder\",\"suffix\":\"\"}", "suffix")]
    [InlineData("surprise", "1", "surprise")]
    [InlineData("added_tokens.0.id", "-1", "-1")]
    [InlineData("added_tokens.0.content", "\"\"", "added token")]
    [InlineData("added_tokens.0.content", "\"<|im_end|>\"", "<|im_end|>")]
    public void What_cannot_be_honoured_is_refused_by_name(string path, string value, string named)
    {
        Set(path, value);
        AssertRefused(Bytes(), named);
    }

    [Fact]
    public void An_id_given_twice_is_refused()
    {
        _file["model"]!["vocab"]!.AsObject()["zzz"] = 65;
        AssertRefused(Bytes(), "65");
    }

    [Fact]
    public void An_added_token_has_the_id_that_the_reference_gives_it_whatever_the_file_says()
    {
        Set("added_tokens.0.content", "\"hello\"");
        Set("added_tokens.0.id", "7");
        Set("added_tokens.1.id", "2000000000");
        Tokenizer tokenizer = Load(Bytes());
        Assert.True(TestTokenizers.Tiny.TryGetId("hello", out int hello));
        Assert.Equal([hello, 293], tokenizer.Encode("hello" + _file["added_tokens"]![1]!["content"]));
    }

    [Fact]
    public void A_missing_directory_is_a_typed_error()
    {
        TokenizerException exception = Assert.Throws<TokenizerException>(() => Tokenizer.Load(Path.Combine(_directory, "absent")));
        Assert.Contains("absent", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merges_are_read_in_both_spellings_and_before_the_vocabulary()
    {
        JsonObject model = _file["model"]!.AsObject();
        JsonArray pairs = model["merges"]!.AsArray();
        JsonArray lines = [.. pairs.Select(pair => (JsonNode)$"{pair![0]} {pair[1]}")];
        JsonNode vocabulary = model["vocab"]!.DeepClone();
        model.Remove("vocab");
        model["merges"] = lines;
        model["vocab"] = vocabulary;
        const string Text = "hello the assistant user system tool world";
        Assert.Equal(TestTokenizers.Tiny.Encode(Text), Load(Bytes()).Encode(Text));
    }

    [Fact]
    public void Ignoring_merges_takes_a_whole_word_as_its_token()
    {
        JsonObject model = _file["model"]!.AsObject();
        model["vocab"]!.AsObject()["\u0120zqzq"] = 310;
        Assert.DoesNotContain(310, Load(Bytes()).Encode("a zqzq"));
        model["ignore_merges"] = true;
        Assert.Equal(["a", " zqzq"], Load(Bytes()) is var tokenizer ? tokenizer.Encode("a zqzq").Select(tokenizer.Describe) : []);
    }

    [Theory]
    [InlineData("lstrip", "a  <|x|> b", 1, 8)]
    [InlineData("rstrip", "a <|x|>  b", 2, 9)]
    [InlineData("single_word", "a<|x|> <|x|>", 7, 12)]
    public void Flags_of_added_tokens_are_honoured(string flag, string text, int start, int end)
    {
        JsonObject token = _file["added_tokens"]![0]!.AsObject();
        token["content"] = "<|x|>";
        token[flag] = true;
        TokenizedText tokens = Load(Bytes()).EncodeWithStarts(text);
        int added = Assert.Single(Enumerable.Range(0, tokens.Ids.Length), i => tokens.Ids[i] == token["id"]!.GetValue<int>());
        Assert.Equal(start, tokens.Starts[added]);
        Assert.Equal(end, added + 1 < tokens.Starts.Length ? tokens.Starts[added + 1] : text.Length);
    }

    [Fact]
    public void Gpt2s_pre_tokenizer_may_add_a_prefix_space()
    {
        Set("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""");
        Tokenizer tokenizer = Load(Bytes());
        TokenizedText tokens = tokenizer.EncodeWithStarts("the e\u0301");
        Assert.Equal(" the \u00E9", tokenizer.Decode(tokens.Ids));
        Assert.Equal([0, 3, 4, 4], tokens.Starts);
    }

    [Fact]
    public void The_longest_of_the_leftmost_added_tokens_wins()
    {
        JsonArray tokens = _file["added_tokens"]!.AsArray();
        JsonObject longer = tokens[0]!.DeepClone().AsObject();
        longer["content"] = "<|im_start|>user";
        longer["id"] = 300;
        tokens.Add(longer);
        Tokenizer tokenizer = Load(Bytes());
        Assert.Equal([300, 10], tokenizer.Encode("<|im_start|>user\n"));
    }

    private void Set(string path, string value)
    {
        string[] steps = path.Split('.');
        JsonNode node = _file;
        foreach (string step in steps[..^1])
            node = int.TryParse(step, out int index) ? node[index]! : node[step]!;
        node[steps[^1]] = JsonNode.Parse(value);
    }

    private byte[] Bytes() => System.Text.Encoding.UTF8.GetBytes(_file.ToJsonString());

    private Tokenizer Load(byte[] json)
    {
        File.WriteAllBytes(Path.Combine(_directory, "tokenizer.json"), json);
        return Tokenizer.Load(_directory);
    }

    private void AssertRefused(byte[] json, string named)
    {
        TokenizerException exception = Assert.Throws<TokenizerException>(() => Load(json));
        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }
}
