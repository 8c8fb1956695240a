using System.Text;
using System.Text.Json;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using AgentRollout.Tokenization.Tests.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>What holds whoever writes what into messages, tools and turns, over the tokenizers and templates of all families.</summary>
public sealed class HostileConversationTests
{
    private const int Rounds = 60;

    public static TheoryData<string> Families => ["tiny", "qwen3", "llama3_1", "llama2", "mistral_v1", "gemma3", "deepseek_v3", "deepseek_r1", "gptoss"];

    public static TheoryData<string> FamiliesWithTools => ["tiny", "qwen3", "llama3_1", "deepseek_v3", "deepseek_r1", "gptoss"];

    [Theory]
    [MemberData(nameof(Families))]
    public void No_text_of_a_message_or_tool_changes_the_control_tokens(string name)
    {
        ChatFamily family = ChatFamily.Load(name);
        ChatFormat format = family.Format;
        Random random = new(31);
        for (int round = 0; round < Rounds; round++)
        {
            HostileConversation conversation = new(family, random);
            FunctionSchema[] tools = [.. conversation.Tools.Select(HostileConversation.Harmless)];
            Assert.Equal(
                family.ControlsIn(format.RenderPrompt([.. conversation.Messages.Select(HostileConversation.Harmless)], tools)),
                family.ControlsIn(format.RenderPrompt(conversation.Messages, conversation.Tools)));

            ChatMessage[] reply = conversation.Reply();
            Assert.Equal(
                family.ControlsIn(Delta(format, [.. reply.Select(HostileConversation.Harmless)], tools, closedBy: null)),
                family.ControlsIn(Delta(format, reply, conversation.Tools, closedBy: null)));
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_message_is_told_by_tokens_that_hold_its_text_and_steer_nothing(string name)
    {
        ChatFamily family = ChatFamily.Load(name);
        Random random = new(32);
        for (int round = 0; round < Rounds; round++)
        {
            HostileConversation conversation = new(family, random);
            AttributedTokens prompt = family.Format.AttributePrompt(conversation.Messages, conversation.Tools);
            Assert.Equal(family.Format.RenderPrompt(conversation.Messages, conversation.Tools), prompt.Ids);
            AssertTold(family, conversation.Messages, prompt);

            ChatMessage[] reply = conversation.Reply();
            AttributedTokens delta = family.Format.AttributeDelta(reply, conversation.Tools, family.Format.EndOfTurnId);
            Assert.Equal(Delta(family.Format, reply, conversation.Tools, family.Format.EndOfTurnId), delta.Ids);
            AssertTold(family, reply, delta);
        }
    }

    /// <summary>The other tokenizers normalize, or put a space before a word that follows a control token.</summary>
    [Theory]
    [InlineData("llama3_1")]
    [InlineData("gemma3")]
    [InlineData("deepseek_v3")]
    [InlineData("deepseek_r1")]
    [InlineData("gptoss")]
    public void A_prompt_decodes_to_what_the_template_renders_where_the_tokenizer_keeps_text(string name)
    {
        ChatFamily family = ChatFamily.Load(name);
        ChatFormat format = family.Format;
        Random random = new(33);
        for (int round = 0; round < Rounds; round++)
        {
            HostileConversation conversation = new(family, random);
            string rendered = format.Template.Render(conversation.Messages, conversation.Tools, addGenerationPrompt: true);
            string decoded = format.Tokenizer.Decode(format.RenderPrompt(conversation.Messages, conversation.Tools));
            // Half a character becomes U+FFFD on the way to UTF-8.
            Assert.Equal(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(rendered)), decoded);
        }
    }

    [Theory]
    [MemberData(nameof(FamiliesWithTools))]
    public void A_call_is_read_back_whatever_its_arguments_spell(string name)
    {
        ChatFamily family = ChatFamily.Load(name);
        ChatFormat format = family.Format;
        Random random = new(34);
        for (int round = 0; round < Rounds; round++)
        {
            HostileConversation conversation = new(family, random);
            ToolCall call = conversation.Call();
            ChatMessage[] asked = [ChatMessage.User("Question")];
            RenderedChat answered = format.Template.RenderTracked([.. asked, ChatMessage.Assistant(null, [call])], conversation.Tools, addGenerationPrompt: false);
            int start = format.Template.Render(asked, conversation.Tools, addGenerationPrompt: true).AsSpan().CommonPrefixLength(answered.Text);
            TokenizedText tokens = format.Encode(answered);
            int[] turn = [.. tokens.Ids.Where((_, i) => tokens.Starts[i] >= start)];

            ParsedTurn parsed = StreamChecks.Check(format.ToolCallParser, format.Tokenizer, turn, random, new TurnContext { Tools = conversation.Tools });
            ParsedCall read = Assert.Single(parsed.Calls);
            Assert.Equal((null, "search"), (read.Error, read.Name));
            Assert.True(JsonElement.DeepEquals(call.Arguments, read.Arguments!.Value), $"{call.Arguments} was read as {read.Arguments}");
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Whatever_is_sampled_is_read_alike_in_one_piece_and_in_many(string name)
    {
        ChatFamily family = ChatFamily.Load(name);
        Tokenizer tokenizer = family.Format.Tokenizer;
        int[] controls = [.. family.Controls.Keys];
        Random random = new(35);
        for (int round = 0; round < Rounds; round++)
        {
            int[] turn = [.. Enumerable.Range(0, random.Next(80)).Select(_ =>
                random.Next(4) == 0 ? controls[random.Next(controls.Length)] : random.Next(tokenizer.VocabularySize))];
            StreamChecks.Check(family.Format.ToolCallParser, tokenizer, turn, random);

            StreamingDecoder decoder = new(tokenizer);
            Assert.Equal(tokenizer.Decode(turn), string.Concat(turn.Select(id => decoder.Append([id]))) + decoder.Flush());
        }
    }

    private static int[] Delta(ChatFormat format, ChatMessage[] added, IReadOnlyList<FunctionSchema> tools, int? closedBy) =>
        [.. format.RenderDelta(added, tools, closedBy).SelectMany(span => span.Tokens)];

    private static void AssertTold(ChatFamily family, IReadOnlyList<ChatMessage> messages, AttributedTokens tokens)
    {
        Tokenizer tokenizer = family.Format.Tokenizer;
        for (int message = 0; message < messages.Count; message++)
        {
            int[] told = [.. tokens.Ids.Where((_, i) => tokens.Origins[i].Message == message)];
            Assert.Empty(family.ControlsIn(told));
            string said = tokenizer.Decode(told);
            if (messages[message].Role == "tool" && family.PrintsResultsAsJson && said.Length > 0)
                said = JsonElement.Parse(said).GetString()!;
            // As the tokenizer's normalizer leaves the text.
            int[] text = tokenizer.Encode(messages[message].Content, AddedTokenMatching.None);
            Assert.Contains(WithoutSpace(tokenizer.Decode(text)), WithoutSpace(said), StringComparison.Ordinal);
        }
    }

    /// <summary>White space is what tokens across a border bring along and normalizers add.</summary>
    private static string WithoutSpace(string text) => string.Concat(text.Where(letter => !HostileConversation.IsSpace(letter)));
}
