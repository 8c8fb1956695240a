using AgentRollout.Tokenization.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

public sealed class LlamaToolCallParserTests
{
    private static readonly Tokenizer Tiny = TestTokenizers.Tiny;
    private static readonly IToolCallParser Parser = ToolCallParsers.Create("llama3_json", Tiny, [Tiny.Encode("<|im_end|>")[0]]);

    [Theory]
    [InlineData("""{"name": "f", "parameters": {"a": 1.0}}""")]
    [InlineData("""<|python_tag|>{"name": "f", "parameters": {"a": 1.0}}""")]
    [InlineData("""{"type": "function", "name": "f", "parameters": {"a": 1.0}}""")]
    [InlineData("""{"name": "f", "parameters": "{\"a\": 1.0}"}""")]
    public void A_call_is_read(string text)
    {
        int[] tokens = Tiny.Encode(text + "<|im_end|>");
        ParsedTurn turn = Parser.Parse(tokens);
        ParsedCall call = Assert.Single(turn.Calls);
        Assert.Equal((ParseOutcome.Ok, "f", """{"a": 1.0}"""), (call.Outcome, call.Name, call.Arguments!.Value.GetRawText()));
        Assert.Equal(text, Tiny.Decode(tokens.AsSpan(call.Span.Start..call.Span.End)));
        Assert.Equal("", turn.Content);
    }

    [Fact]
    public void Several_calls_stand_between_semicolons()
    {
        ParsedTurn turn = Parse("""<|python_tag|>{"name": "f", "parameters": {}}; {"name": "g", "parameters": {}}""");
        Assert.Equal(["f", "g"], turn.Calls.Select(call => call.Name));
    }

    [Theory]
    [InlineData("The answer is 42.")]
    [InlineData("""{"answer": 42}""")]
    [InlineData("""{ "answer": """)]
    [InlineData("")]
    [InlineData(" {}")]
    public void An_answer_is_no_call(string text)
    {
        ParsedTurn turn = Parse(text);
        Assert.Empty(turn.Calls);
        Assert.Equal(text, turn.Content);
    }

    [Theory]
    [InlineData("""{"name": "f", "parameters": {"a": """, "not valid JSON")]
    [InlineData("""{"name": "f", "parameters": [1]}""", "array")]
    [InlineData("""{"name": "f"}""", "\"parameters\"")]
    [InlineData("<|python_tag|>print(1)", "not valid JSON")]
    public void A_malformed_call_is_data_with_a_sentence_for_the_model(string text, string named)
    {
        ParsedCall call = Assert.Single(Parse(text).Calls);
        Assert.Equal(ParseOutcome.Malformed, call.Outcome);
        Assert.Contains(named, call.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_before_the_tag_and_behind_the_calls_is_content()
    {
        ParsedTurn turn = Parse("""Wait. <|python_tag|>{"name": "f", "parameters": {}} done""");
        Assert.Equal("Wait. \ndone", turn.Content);
        Assert.Single(turn.Calls);
    }

    private static ParsedTurn Parse(string text) => Parser.Parse(Tiny.Encode(text));
}
