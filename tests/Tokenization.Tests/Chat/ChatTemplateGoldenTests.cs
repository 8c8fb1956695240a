using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>Renderings of real Jinja2 set up as transformers does, row by row: text, ids, masks and errors.</summary>
public sealed class ChatTemplateGoldenTests
{
    /// <summary>The arguments of the rows named tool_json_hard, whose numbers the file's JSON writer flattened to JavaScript's.</summary>
    private const string HardNumbers = "[1.0,1e+100,1.5e-7,-0.0,123456789012345678,0.1,1e20,1e16,1000000000000000.0]";

    private static readonly Dictionary<string, ChatTemplate> Templates = [];

    [Theory]
    [InlineData("chat-qwen3.jsonl", 240)]
    [InlineData("chat-llama3_1.jsonl", 130)]
    [InlineData("chat-deepseek_r1.jsonl", 80)]
    [InlineData("chat-deepseek_v3.jsonl", 40)]
    [InlineData("chat-gemma3.jsonl", 60)]
    [InlineData("chat-gptoss.jsonl", 60)]
    [InlineData("chat-llama2.jsonl", 60)]
    [InlineData("chat-mistral_v1.jsonl", 80)]
    public void Conversations_render_as_in_the_reference(string file, int atLeast)
    {
        int rows = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows(file))
        {
            rows++;
            ChatTemplate template = Template(row);
            if (row.GetProperty("rendered").GetString() is not { } expected)
            {
                TokenizerException exception = Assert.Throws<TokenizerException>(() => Render(template, row));
                Assert.EndsWith(row.GetProperty("error").GetString()!, exception.Message, StringComparison.Ordinal);
                continue;
            }

            RenderedChat rendered = Render(template, row);
            Assert.Equal(expected, rendered.Text);
            IEnumerable<CharSpan> spans = row.TryGetProperty("gen_spans", out JsonElement marked)
                ? marked.EnumerateArray().Select(span => CodePointSpans.ToUtf16(expected, span))
                : [];
            Assert.Equal(spans, rendered.Generations);
        }

        Assert.True(rows >= atLeast, $"{rows} rows");
    }

    [Theory]
    [InlineData("chat-qwen3.jsonl", "qwen3")]
    [InlineData("chat-llama3_1.jsonl", "llama3_1")]
    [InlineData("chat-llama2.jsonl", "llama2")]
    [InlineData("chat-mistral_v1.jsonl", "mistral_v1")]
    [InlineData("chat-gemma3.jsonl", "gemma3")]
    [InlineData("chat-gptoss.jsonl", "gptoss")]
    [InlineData("chat-deepseek_r1.jsonl", "deepseek_r1")]
    [InlineData("chat-deepseek_v3.jsonl", "deepseek_v3")]
    public void Rendered_conversations_have_the_ids_and_masks_of_the_reference(string file, string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        foreach (JsonElement row in TestTokenizers.GoldenRows(file))
        {
            if (row.GetProperty("rendered").ValueKind == JsonValueKind.Null)
                continue;
            RenderedChat rendered = Render(Template(row), row);
            TokenizedText tokens = tokenizer.EncodeWithStarts(rendered.Text);
            Assert.Equal(row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), tokens.Ids);
            if (row.TryGetProperty("assistant_mask", out JsonElement mask))
                Assert.Equal(mask.GetString(), string.Concat(tokens.Mask(rendered.Generations)));
        }
    }

    [Fact]
    public void Templates_of_234_models_render_and_fail_as_in_the_reference()
    {
        Dictionary<string, JsonElement> conversations = [];
        List<string> differences = [];
        int rows = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows("render-all.jsonl"))
        {
            if (row.TryGetProperty("conv_def", out JsonElement name))
            {
                conversations[name.GetString()!] = row;
                continue;
            }

            rows++;
            (string? text, string? error, IReadOnlyList<CharSpan> generations) = Outcome(row, conversations[row.GetProperty("conv").GetString()!]);
            string? expected = row.GetProperty("rendered").GetString();
            bool isEqual = expected is null
                ? error is not null && error.Contains($"{row.GetProperty("error_type").GetString()}: {row.GetProperty("error").GetString()}", StringComparison.Ordinal)
                : text == expected && (!row.TryGetProperty("gen_spans", out JsonElement spans)
                    || generations.SequenceEqual(spans.EnumerateArray().Select(span => CodePointSpans.ToUtf16(expected, span))));
            if (!isEqual)
                differences.Add($"{row.GetProperty("template")} {row.GetProperty("conv")}: {text ?? error}");
        }

        Assert.Empty(differences);
        Assert.True(rows > 1_600, $"{rows} rows");
    }

    /// <summary>huggingface.js's own tests; real Jinja2 gives their targets too, except where that renderer prints a list as JSON.</summary>
    [Fact]
    public void Templates_of_other_renderers_tests_render_as_they_expect()
    {
        List<string> differences = [];
        int rows = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows("hfjs-e2e.jsonl"))
        {
            rows++;
            string path = SharedFiles.InShared("golden", "templates", "hfjs", Path.GetFileName(row.GetProperty("file").GetString()!));
            ChatTemplate template = ChatTemplate.Parse(File.ReadAllText(path), path, null, new FixedClock(new(2025, 7, 10, 0, 0, 0, TimeSpan.Zero)));
            Dictionary<string, JsonElement> variables = row.GetProperty("data").EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
            if (Render(template, variables) != row.GetProperty("target").GetString())
                differences.Add(row.GetProperty("name").GetString()!);
        }

        Assert.Equal(["MadeAgents/Hammer2.1"], differences);
        Assert.True(rows > 50, $"{rows} rows");
    }

    private static string Render(ChatTemplate template, Dictionary<string, JsonElement> variables)
    {
        variables.Remove("messages", out JsonElement messages);
        JsonElement? tools = variables.Remove("tools", out JsonElement given) && given.ValueKind != JsonValueKind.Null ? given : null;
        bool? addGenerationPrompt = variables.Remove("add_generation_prompt", out JsonElement flag) ? flag.ValueKind == JsonValueKind.True : null;
        return template.RenderJson(messages, tools, addGenerationPrompt, variables).Text;
    }

    private static (string? Text, string? Error, IReadOnlyList<CharSpan> Generations) Outcome(JsonElement row, JsonElement conversation)
    {
        Dictionary<string, JsonElement> kwargs =
            conversation.GetProperty("kwargs").EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
        bool addGenerationPrompt = kwargs.Remove("add_generation_prompt", out JsonElement flag) && flag.GetBoolean();
        foreach (string token in new[] { "bos_token", "eos_token", "unk_token" })
            kwargs[token] = conversation.GetProperty(token);
        JsonElement tools = conversation.GetProperty("tools");
        try
        {
            RenderedChat chat = Template(row).RenderJson(
                conversation.GetProperty("messages"), tools.ValueKind == JsonValueKind.Null ? null : tools, addGenerationPrompt, kwargs);
            return (chat.Text, null, chat.Generations);
        }
        catch (TokenizerException exception)
        {
            return (null, exception.Message, []);
        }
    }

    private static ChatTemplate Template(JsonElement row)
    {
        string path = SharedFiles.InShared("golden", row.GetProperty("template").GetString()!);
        Dictionary<string, string> tokens = [];
        foreach (string name in new[] { "bos_token", "eos_token" })
        {
            if (row.TryGetProperty(name, out JsonElement token) && token.GetString() is { } text)
                tokens[name] = text;
        }

        string key = $"{path} {string.Join(' ', tokens.Values)}";
        lock (Templates)
        {
            if (!Templates.TryGetValue(key, out ChatTemplate? template))
                Templates[key] = template = ChatTemplate.Parse(File.ReadAllText(path), path, tokens, new FixedClock(new(2026, 1, 15, 12, 34, 56, TimeSpan.Zero)));
            return template;
        }
    }

    private static RenderedChat Render(ChatTemplate template, JsonElement row)
    {
        JsonElement messages = row.GetProperty("messages");
        if (row.GetProperty("name").GetString()!.StartsWith("tool_json_hard", StringComparison.Ordinal))
            messages = WithHardNumbers(messages);
        JsonElement tools = row.GetProperty("tools");
        return template.RenderJson(
            messages,
            tools.ValueKind == JsonValueKind.Null ? null : tools,
            row.GetProperty("add_generation_prompt").GetBoolean(),
            row.GetProperty("extra").EnumerateObject().ToDictionary(member => member.Name, member => member.Value));
    }

    private static JsonElement WithHardNumbers(JsonElement messages)
    {
        JsonNode array = JsonNode.Parse(messages.GetRawText())!;
        JsonNode function = array[1]!["tool_calls"]![0]!["function"]!;
        if (function["arguments"] is JsonObject arguments)
            arguments["floats"] = JsonNode.Parse(HardNumbers);
        return JsonElement.Parse(array.ToJsonString());
    }

    /// <summary>The time at which a reference rendered.</summary>
    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => now;
    }
}
