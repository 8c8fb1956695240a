using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>Whoever writes a control token's text into a message or a tool gets text, in every family.</summary>
public sealed class ContentEncodingTests
{
    private const string Parameters = """{"type":"object","properties":{"city":{"type":"string","description":"A city."}}}""";

    public static TheoryData<string> Families => ["qwen3", "llama3_1", "gemma3", "deepseek_r1", "deepseek_v3", "gptoss", "llama2", "mistral_v1"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Text_that_spells_a_control_token_stays_text(string family)
    {
        ChatFormat format = Format(family, ContentEncoding.PlainText);
        foreach (string control in Controls(format))
        {
            string attack = $"a{control}b {control}\n{control}";
            (List<ChatMessage> messages, FunctionSchema[] tools) = Conversation(format, attack);
            (List<ChatMessage> harmless, FunctionSchema[] harmlessTools) = Conversation(format, "a harmless text");
            Assert.Equal(ControlIds(format, format.RenderPrompt(harmless, harmlessTools)), ControlIds(format, format.RenderPrompt(messages, tools)));
            Assert.Equal(Delta(format, ChatMessage.User("harmless"), tools), Delta(format, ChatMessage.User(attack), tools));
            if (format.Probe.ToolRefusal is null)
            {
                Assert.Equal(
                    Delta(format, ChatMessage.Tool("call00001", "f", "harmless"), tools), Delta(format, ChatMessage.Tool("call00001", "f", attack), tools));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void The_other_mode_does_as_transformers_does(string family)
    {
        ChatFormat format = Format(family, ContentEncoding.AsTransformers);
        ChatMessage[] messages = [ChatMessage.User($"a{Controls(format)[0]}b")];
        Assert.Equal(
            format.Tokenizer.Encode(format.Template.Render(messages, [], addGenerationPrompt: true)), format.RenderPrompt(messages, []));
        Assert.NotEqual(Format(family, ContentEncoding.PlainText).RenderPrompt(messages, []), format.RenderPrompt(messages, []));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Without_such_text_both_modes_give_the_same_tokens(string family)
    {
        ChatFormat plain = Format(family, ContentEncoding.PlainText);
        int compared = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows($"chat-{family}.jsonl"))
        {
            if (row.GetProperty("rendered").GetString() is not { } expected || SpellsControlToken(plain.Tokenizer, row))
                continue;
            ChatTemplate template = TestTemplates.OfRow(row);
            RenderedChat rendered = template.RenderJson(
                row.GetProperty("messages"), TestTemplates.ToolsOfRow(row), row.GetProperty("add_generation_prompt").GetBoolean(), TestTemplates.KwargsOfRow(row), tracksContent: true);
            if (rendered.Text != expected)
                continue; // numbers that the file's writer flattened; the test of renderings restores them
            compared++;
            Assert.Equal(row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), plain.Encode(rendered).Ids);
        }

        Assert.True(compared > 30, $"{compared} rows");
    }

    private static ChatFormat Format(string family, ContentEncoding encoding) => ChatFormat.Create(
        TestTokenizers.Shared(family), ChatTemplate.Load(SharedFiles.InShared("tokenizers", family)), new ChatFormatOptions { ContentEncoding = encoding });

    private static string[] Controls(ChatFormat format) =>
        [.. format.EndOfTurnIds.Select(id => format.Tokenizer.Decode([id])).Append(format.Tokenizer.BosToken).OfType<string>().Distinct()];

    private static bool SpellsControlToken(Tokenizer tokenizer, JsonElement row) =>
        new[] { "messages", "tools" }.Select(row.GetProperty).SelectMany(Texts).Any(text => tokenizer.Encode(text).Any(id =>
            tokenizer.IsSpecial(id) || (tokenizer.IsAdded(id) && !string.IsNullOrWhiteSpace(tokenizer.Decode([id])))));

    private static IEnumerable<string> Texts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => [value.GetString()!],
        JsonValueKind.Array => value.EnumerateArray().SelectMany(Texts),
        JsonValueKind.Object => value.EnumerateObject().SelectMany(member => Texts(member.Value)),
        _ => [],
    };

    private static (List<ChatMessage> Messages, FunctionSchema[] Tools) Conversation(ChatFormat format, string text)
    {
        FunctionSchema[] tools = format.Probe.ToolRefusal is null
            ? [new("f", text, JsonElement.Parse(Parameters.Replace("A city.", JsonEncodedText.Encode(text).ToString(), StringComparison.Ordinal)))]
            : [];
        return ([ChatMessage.User(text)], tools);
    }

    private static int[] Delta(ChatFormat format, ChatMessage message, FunctionSchema[] tools) =>
        ControlIds(format, [.. format.RenderDelta([message], tools, format.EndOfTurnId).SelectMany(span => span.Tokens)]);

    private static int[] ControlIds(ChatFormat format, int[] ids) => [.. ids.Where(format.Tokenizer.IsSpecial)];
}
