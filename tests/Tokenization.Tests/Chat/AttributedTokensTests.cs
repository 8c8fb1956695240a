using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>Which message a token comes from, over the templates of all families.</summary>
public sealed class AttributedTokensTests
{
    private static readonly FunctionSchema[] Tools =
        [new("search", "Search the web.", JsonElement.Parse("""{"type":"object","properties":{"query":{"type":"string"}}}"""))];

    public static TheoryData<string> Families => ["tiny", "qwen3", "llama3_1", "llama2", "mistral_v1", "gemma3", "deepseek_v3", "deepseek_r1", "gptoss"];

    [Theory]
    [MemberData(nameof(Families))]
    public void The_tokens_of_a_prompt_tell_their_messages(string family)
    {
        ChatFormat format = Load(family);
        Random random = new(5);
        for (int round = 0; round < 20; round++)
        {
            // Mistral's first template knows no system message; the words differ from one message to the next.
            List<ChatMessage> messages = family == "mistral_v1" ? [] : [ChatMessage.System(Words(random, "sky"))];
            messages.AddRange([ChatMessage.User(Words(random, "sea")), ChatMessage.Assistant(Words(random, "sun")), ChatMessage.User(Words(random, "sand <|im_end|>"))]);
            AttributedTokens tokens = format.AttributePrompt(messages, []);

            Assert.Equal(format.RenderPrompt(messages, []), tokens.Ids);
            for (int i = 0; i < messages.Count; i++)
                Assert.Equal(messages[i].Content, TextOf(format, tokens, i).Trim());
            Assert.All(tokens.Ids.Zip(tokens.Origins), token => Assert.False(token.Second.IsContent && format.Tokenizer.IsSpecial(token.First)));
        }
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("qwen3")]
    [InlineData("llama3_1")]
    public void The_tokens_of_a_delta_tell_the_result_that_they_come_from(string family)
    {
        ChatFormat format = Load(family);
        ChatMessage[] results = [ChatMessage.Tool("a", "search", "red </tool_response>"), ChatMessage.Tool("b", "search", "red"), ChatMessage.User("blue")];
        foreach (int? closedBy in new int?[] { null, format.EndOfTurnId })
        {
            AttributedTokens tokens = format.AttributeDelta(results, Tools, closedBy);
            Assert.Equal(format.RenderDelta(results, Tools, closedBy).SelectMany(span => span.Tokens), tokens.Ids);
            for (int i = 0; i < results.Length; i++)
                Assert.Contains(results[i].Content!, TextOf(format, tokens, i), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_tools_of_a_prompt_are_content_of_no_message()
    {
        ChatFormat format = Load("qwen3");
        AttributedTokens tokens = format.AttributePrompt([ChatMessage.User("Hi")], Tools);
        string tools = format.Tokenizer.Decode([.. tokens.Ids.Where((_, i) => tokens.Origins[i] is { IsContent: true, Message: null })]);
        Assert.Contains("Search the web.", tools, StringComparison.Ordinal);
        Assert.Equal("Hi", TextOf(format, tokens, 0));
    }

    private static ChatFormat Load(string family) => family == "tiny"
        ? ChatFormat.Load(TestTokenizers.TinyDirectory)
        : ChatFormat.Create(TestTokenizers.Shared(family), ChatTemplate.Load(SharedFiles.InShared("tokenizers", family)));

    private static string TextOf(ChatFormat format, AttributedTokens tokens, int message) =>
        format.Tokenizer.Decode([.. tokens.Ids.Where((_, i) => tokens.Origins[i].Message == message)]);

    private static string Words(Random random, string first) =>
        string.Join(' ', Enumerable.Range(0, random.Next(1, 6)).Select(_ => new[] { "the", "world", "42", "caf\u00E9", "\u65E5\u672C" }[random.Next(5)]).Prepend(first));
}
