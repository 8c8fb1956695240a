using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Tests.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

public sealed class CallSpellingTests
{
    private static readonly ChatMessage[] Conversation =
    [
        ChatMessage.User("Question"),
        ChatMessage.Assistant(null, [new ToolCall("c1", "search", JsonElement.Parse("""{"n": 1.0}"""))]),
        ChatMessage.Tool("c1", "search", "Found"),
    ];

    [Fact]
    public void Mistral_gets_ids_of_nine_characters_that_its_results_repeat()
    {
        ChatTemplate template = GoldenTemplates.Read("hfjs/mistralai__Mistral-Nemo-Instruct-2407.jinja").Template;
        Assert.Equal(CallIdForm.NineCharacters, template.CallSpelling.Ids);
        string id = template.CallSpelling.Id("c1", "search");
        Assert.Equal(3, template.Render(Conversation, [], addGenerationPrompt: false).Split(id).Length);
    }

    [Fact]
    public void Kimi_gets_ids_that_hold_the_name_and_count_from_zero()
    {
        ChatTemplate template = GoldenTemplates.Read("hfjs/moonshotai__Kimi-K2-Thinking.jinja").Template;
        Assert.Equal(3, template.Render(Conversation, [], addGenerationPrompt: false).Split(template.CallSpelling.Id("c1", "search")).Length);
        CallSpelling kimi = CallSpelling.Standard with { Ids = CallIdForm.FunctionAndIndex };
        Assert.Equal(("functions.search:0", "functions.f:11"), (kimi.Id("c1", "search"), kimi.Id("c12", "f")));
        Assert.Equal("functions.search:0", kimi.Id("functions.search:0", "search"));
    }

    [Theory]
    [InlineData("deepseek_v3", CallContent.None)]
    [InlineData("deepseek_r1", CallContent.AsGiven)]
    public void Deepseek_gets_arguments_as_they_were_written(string family, CallContent content)
    {
        ChatTemplate template = ChatTemplate.Load(SharedFiles.InShared("tokenizers", family));
        Assert.Equal(new CallSpelling(CallIdForm.AsGiven, ArgumentsAsText: true, content), template.CallSpelling);
        Assert.Contains("""{"n": 1.0}""", template.Render(Conversation, [], addGenerationPrompt: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Ids_follow_from_the_call_alone_and_different_ones_stay_different()
    {
        CallSpelling mistral = CallSpelling.Standard with { Ids = CallIdForm.NineCharacters };
        string[] ids = [.. Enumerable.Range(1, 20_000).Select(i => mistral.Id($"c{i}", "f"))];
        Assert.All(ids, id => Assert.True(id.Length == 9 && id.All(char.IsAsciiLetterOrDigit)));
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.Equal(ids[4], mistral.Id("c5", "g"));
        Assert.Equal("abcDEF123", mistral.Id("abcDEF123", "f"));
    }

    [Theory]
    [InlineData("\"text\"", "text")]
    [InlineData("null", null)]
    [InlineData("""[{"type":"text","text":"a "},{"type":"text","text":"b"}]""", "a b")]
    public void Content_is_a_text_or_parts_that_are_joined(string json, string? content) =>
        Assert.Equal(content, JsonSerializer.Deserialize<ChatMessage>($$"""{"Role":"user","Content":{{json}}}""")!.Content);

    [Theory]
    [InlineData("""[{"type":"image_url","image_url":{}}]""", "the type 'image_url'; known types: text.")]
    [InlineData("[{}]", "no 'type'")]
    [InlineData("""[{"type":"text"}]""", "no 'text'")]
    [InlineData("7", "must be a text, null or a list of parts")]
    public void Another_part_is_refused_by_its_type(string json, string message) =>
        Assert.Contains(message, Assert.Throws<JsonException>(
            () => JsonSerializer.Deserialize<ChatMessage>($$"""{"Role":"user","Content":{{json}}}""")).Message, StringComparison.Ordinal);
}
