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
    [InlineData("chat-qwen3.jsonl", "qwen3")]
    [InlineData("chat-llama3_1.jsonl", "llama3_1")]
    public void Conversations_render_as_in_the_reference(string file, string family)
    {
        Tokenizer tokenizer = TestTokenizers.Shared(family);
        int rows = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows(file))
        {
            rows++;
            ChatTemplate template = Template(row);
            if (row.GetProperty("rendered").GetString() is not { } expected)
            {
                TokenizerException exception = Assert.Throws<TokenizerException>(() => Render(template, row));
                Assert.Contains(row.GetProperty("error").GetString()!, exception.Message, StringComparison.Ordinal);
                continue;
            }

            RenderedChat rendered = Render(template, row);
            Assert.Equal(expected, rendered.Text);
            TokenizedText tokens = tokenizer.EncodeWithStarts(rendered.Text);
            Assert.Equal(row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), tokens.Ids);
            if (!row.TryGetProperty("gen_spans", out JsonElement spans))
                continue;
            Assert.Equal(spans.EnumerateArray().Select(span => ToUtf16(expected, span)), rendered.Generations);
            Assert.Equal(row.GetProperty("assistant_mask").GetString(), string.Concat(tokens.Mask(rendered.Generations)));
        }

        Assert.True(rows > 100);
    }

    /// <summary>Widened with the features; what is missing must be refused, never rendered in another way.</summary>
    [Fact]
    public void Templates_of_234_models_render_as_in_the_reference_or_are_refused_by_name()
    {
        Dictionary<string, JsonElement> conversations = [];
        int equal = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows("render-all.jsonl"))
        {
            if (row.TryGetProperty("conv_def", out JsonElement name))
            {
                conversations[name.GetString()!] = row;
                continue;
            }

            string actual = RenderOrRefuse(row, conversations[row.GetProperty("conv").GetString()!]);
            string expected = row.GetProperty("rendered").GetString() ?? row.GetProperty("error").GetString()!;
            bool isEqual = row.GetProperty("rendered").ValueKind == JsonValueKind.Null
                ? actual.Contains(expected, StringComparison.Ordinal)
                : actual == expected;
            if (isEqual)
                equal++;
            else
                Assert.True(IsRefusal(actual), $"{row.GetProperty("template")} {row.GetProperty("conv")}: {actual}");
        }

        Assert.True(equal >= 1597, $"{equal} rows are equal");
    }

    private static bool IsRefusal(string outcome) =>
        outcome.Contains("is not supported", StringComparison.Ordinal) || outcome.Contains("known filters", StringComparison.Ordinal);

    private static string RenderOrRefuse(JsonElement row, JsonElement conversation)
    {
        Dictionary<string, JsonElement> kwargs =
            conversation.GetProperty("kwargs").EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
        bool addGenerationPrompt = kwargs.Remove("add_generation_prompt", out JsonElement flag) && flag.GetBoolean();
        foreach (string token in new[] { "bos_token", "eos_token", "unk_token" })
            kwargs[token] = conversation.GetProperty(token);
        JsonElement tools = conversation.GetProperty("tools");
        try
        {
            return Template(row).RenderJson(
                conversation.GetProperty("messages"), tools.ValueKind == JsonValueKind.Null ? null : tools, addGenerationPrompt, kwargs).Text;
        }
        catch (TokenizerException exception)
        {
            return exception.Message;
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
                Templates[key] = template = ChatTemplate.Parse(File.ReadAllText(path), path, tokens, new ReferenceClock());
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

    private static CharSpan ToUtf16(string text, JsonElement codePoints)
    {
        int[] ends = [0, .. text.EnumerateRunes().Select(rune => rune.Utf16SequenceLength)];
        for (int i = 1; i < ends.Length; i++)
            ends[i] += ends[i - 1];
        return new CharSpan(ends[codePoints[0].GetInt32()], ends[codePoints[1].GetInt32()]);
    }

    /// <summary>The time at which the reference rendered.</summary>
    private sealed class ReferenceClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 1, 15, 12, 34, 56, TimeSpan.Zero);
    }
}
