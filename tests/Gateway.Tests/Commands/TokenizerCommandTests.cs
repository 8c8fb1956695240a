using System.Text.Json;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class TokenizerCommandTests
{
    private static readonly string Tiny = SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer");

    [Theory]
    [InlineData("qwen3")]
    [InlineData("llama3_1")]
    [InlineData("gpt2")]
    public async Task Encode_gives_the_golden_ids_line_by_line(string family)
    {
        string[] rows = File.ReadAllLines(SharedFiles.InShared("golden", $"encode-{family}.jsonl"));

        CommandResult result = await CommandLineRunner.RunWithInputAsync(
            string.Join('\n', rows), "tokenizer", "encode", "--model", SharedFiles.InShared("tokenizers", family));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(rows.Select(row => Member(row, "ids")), result.Lines.Select(line => Member(line, "ids")));
    }

    [Fact]
    public async Task A_line_may_name_its_template_its_special_tokens_its_time_and_its_variables()
    {
        string folder = Directory.CreateTempSubdirectory("chat-lines").FullName;
        File.Copy(Path.Combine(Tiny, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        string template = Path.Combine(folder, "named.jinja");
        await File.WriteAllTextAsync(
            template,
            "{{ bos_token }}{{ strftime_now('%d %b %Y') }} {{ a }}{{ b }} {{ documents | length }} {{ add_generation_prompt is defined }} "
            + "{% generation %}{{ messages[0].content }}{% endgeneration %}",
            TestContext.Current.CancellationToken);
        string line = JsonSerializer.Serialize(new
        {
            template,
            messages = new[] { new { role = "user", content = "\U0001F600x" } },
            bos_token = "<s>",
            now = "2026-01-15T12:34:56",
            extra = new { a = 1.5 },
            kwargs = new { b = "B" },
            documents = new[] { 1, 2 },
            generation_spans = true,
            unknown = 1,
        });
        CommandResult result = await CommandLineRunner.RunWithInputAsync(line + "\n{\"messages\":[]}", "tokenizer", "chat", "--model", folder);
        Directory.Delete(folder, recursive: true);
        string[] answers = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        JsonElement answer = JsonElement.Parse(answers[0]);
        Assert.Equal("<s>15 Jan 2026 1.5B 2 False \U0001F600x", answer.GetProperty("rendered").GetString());
        Assert.Equal("[[28,30]]", answer.GetProperty("generation_spans").GetRawText());
        Assert.Equal(answer.GetProperty("ids").GetArrayLength(), answer.GetProperty("assistant_mask").GetString()!.Length);
        Assert.Contains("no chat template", JsonElement.Parse(answers[1]).GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task Decode_gives_the_golden_texts()
    {
        string[] rows = File.ReadAllLines(SharedFiles.InShared("golden", "encode-qwen3.jsonl"));

        CommandResult result = await CommandLineRunner.RunWithInputAsync(
            string.Join('\n', rows), "tokenizer", "decode", "--model", SharedFiles.InShared("tokenizers", "qwen3"));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            rows.Select(row => JsonElement.Parse(row).GetProperty("decoded").GetString()),
            result.Lines.Select(line => JsonElement.Parse(line).GetProperty("text").GetString()));
    }

    [Fact]
    public async Task Lines_choose_whether_special_tokens_stand_around_the_text()
    {
        string model = SharedFiles.InShared("tokenizers", "bert_wordpiece");
        CommandResult encoded = await CommandLineRunner.RunWithInputAsync(
            """
            {"text":"hello","add_special_tokens":true}
            {"text":"hello"}
            """, "tokenizer", "encode", "--model", model);
        Assert.Equal(["[101,7592,102]", "[7592]"], encoded.Lines.Select(line => Member(line, "ids")));
        CommandResult decoded = await CommandLineRunner.RunWithInputAsync(
            """{"ids":[101,7592,102],"skip_special_tokens":true}""", "tokenizer", "decode", "--model", model);
        Assert.Equal("\"hello\"", Member(decoded.Lines[0], "text"));
    }

    [Fact]
    public async Task Chat_renders_and_encodes()
    {
        CommandResult result = await CommandLineRunner.RunWithInputAsync(
            """{"messages":[{"role":"user","content":"hi"}],"tools":[],"add_generation_prompt":true,"kwargs":{"unused":1},"more":2}""",
            "tokenizer", "chat", "--model", Tiny);

        JsonElement answer = JsonElement.Parse(Assert.Single(result.Lines));
        Assert.Equal("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", answer.GetProperty("rendered").GetString());
        CommandResult encoded = await CommandLineRunner.RunWithInputAsync(
            JsonSerializer.Serialize(new { text = answer.GetProperty("rendered").GetString() }), "tokenizer", "encode", "--model", Tiny);
        Assert.Equal(Member(encoded.Lines[0], "ids"), answer.GetProperty("ids").GetRawText());
    }

    [Fact]
    public async Task A_line_that_fails_says_so_in_its_place_and_the_exit_code_is_1()
    {
        CommandResult result = await CommandLineRunner.RunWithInputAsync(
            """
            {"text":"a"}
            nonsense
            []
            {"txt":"a"}
            {"text":5}
            {"text":"\ud800"}

            {"text":"a"}
            """,
            "tokenizer", "encode", "--model", Tiny);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            [
                null,
                "The line is not JSON at byte 2.",
                "The line is a JSON Array; it must be an object.",
                "Member 'text' is missing.",
                "Member 'text' is a JSON Number; it must be a JSON String.",
                "Member 'text' holds half of a surrogate pair.",
                "The line is not JSON at byte 1.",
                null,
            ],
            result.Lines.Select(line => JsonElement.Parse(line).TryGetProperty("error", out JsonElement error) ? error.GetString() : null));
    }

    [Theory]
    [InlineData("""{"ids":[1,"2"]}""", "Member 'ids' holds \"2\"; ids are integers.")]
    [InlineData("""{"ids":[99999]}""", "Token id 99999 is not in the vocabulary, whose ids are below 300.")]
    public async Task Decode_names_bad_ids(string line, string error)
    {
        CommandResult result = await CommandLineRunner.RunWithInputAsync(line, "tokenizer", "decode", "--model", Tiny);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(error, JsonElement.Parse(result.Lines[0]).GetProperty("error").GetString());
    }

    [Fact]
    public async Task Lines_longer_than_any_buffer_are_read_whole()
    {
        string text = new('a', 300_000);

        CommandResult result = await CommandLineRunner.RunWithInputAsync(
            JsonSerializer.Serialize(new { text }) + "\n" + """{"text":"b"}""", "tokenizer", "encode", "--model", Tiny);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(2, result.Lines.Count);
    }

    private static string Member(string line, string name) => JsonElement.Parse(line).GetProperty(name).GetRawText().Replace(" ", "");
}
