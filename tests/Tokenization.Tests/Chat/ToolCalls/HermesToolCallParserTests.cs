using AgentRollout.Tokenization.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

public sealed class HermesToolCallParserTests
{
    private const string Call = """{"name": "search", "arguments": {"q": "a", "n": 1.0}}""";

    private static readonly Tokenizer Tiny = TestTokenizers.Tiny;
    private static readonly IToolCallParser Parser = ToolCallParsers.Create("hermes", Tiny, [Tiny.Encode("<|im_end|>")[0]]);

    [Fact]
    public void A_call_has_its_name_its_arguments_as_written_and_its_tokens()
    {
        int[] tokens = Tiny.Encode($"I look.\n<tool_call>\n{Call}\n</tool_call><|im_end|>");
        ParsedTurn turn = Parser.Parse(tokens);
        ParsedCall call = Assert.Single(turn.Calls);
        Assert.Equal(ParseOutcome.Ok, call.Outcome);
        Assert.Equal("search", call.Name);
        Assert.Equal("""{"q": "a", "n": 1.0}""", call.Arguments!.Value.GetRawText());
        Assert.Equal($"\n{Call}\n", call.RawText);
        Assert.Equal($"<tool_call>\n{Call}\n</tool_call>", Tiny.Decode(tokens.AsSpan(call.Span.Start..call.Span.End)));
        Assert.Equal("I look.", turn.Content);
        Assert.Null(turn.Reasoning);
    }

    [Fact]
    public void Several_calls_keep_their_order_and_text_around_them_is_content()
    {
        ParsedTurn turn = Parse($"before\n<tool_call>{Call}</tool_call>\nbetween<tool_call>{Call.Replace("search", "read", StringComparison.Ordinal)}</tool_call> after");
        Assert.Equal(["search", "read"], turn.Calls.Select(call => call.Name));
        Assert.Equal("before\nbetween\nafter", turn.Content);
    }

    [Theory]
    [InlineData("<think>\nwhy\n</think>\n\nanswer", "why", "answer")]
    [InlineData("why\n</think>\n\nanswer", "why", "answer")]
    [InlineData("<think>\nwhy", "why", "")]
    [InlineData("answer with no thought", null, "answer with no thought")]
    [InlineData("answer <think>late</think>", "answer <think>late", "")]
    public void Reasoning_is_split_off(string text, string? reasoning, string content)
    {
        ParsedTurn turn = Parse(text);
        Assert.Equal(reasoning, turn.Reasoning);
        Assert.Equal(content, turn.Content);
    }

    [Fact]
    public void A_call_inside_reasoning_is_no_call()
    {
        ParsedTurn turn = Parse($"<think>maybe <tool_call>{Call}</tool_call></think>\nno");
        Assert.Empty(turn.Calls);
        Assert.Equal("no", turn.Content);
    }

    [Theory]
    [InlineData("<tool_call>{\"name\": \"f\", \"arguments\": {}", "not closed")]
    [InlineData("<tool_call>{name: f}</tool_call>", "not valid JSON")]
    [InlineData("<tool_call></tool_call>", "not valid JSON")]
    [InlineData("<tool_call>[1]</tool_call>", "array")]
    [InlineData("<tool_call>{\"arguments\": {}}</tool_call>", "\"name\"")]
    [InlineData("<tool_call>{\"name\": 5, \"arguments\": {}}</tool_call>", "\"name\"")]
    [InlineData("<tool_call>{\"name\": \"f\"}</tool_call>", "\"arguments\"")]
    [InlineData("<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>", "array")]
    [InlineData("<tool_call>{\"name\": \"f\", \"arguments\": \"[1]\"}</tool_call>", "string")]
    [InlineData("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"\\ud800\"}}</tool_call>", "surrogate")]
    public void A_malformed_call_is_data_with_a_sentence_for_the_model(string text, string named)
    {
        ParsedCall call = Assert.Single(Parse(text).Calls);
        Assert.Equal(ParseOutcome.Malformed, call.Outcome);
        Assert.Null(call.Arguments);
        Assert.Contains(named, call.Error, StringComparison.Ordinal);
        Assert.EndsWith(".", call.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", call.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_open_call_ends_where_the_next_begins()
    {
        ParsedTurn turn = Parse($"<tool_call>{{\"name\": <tool_call>{Call}</tool_call>");
        Assert.Equal([ParseOutcome.Malformed, ParseOutcome.Ok], turn.Calls.Select(call => call.Outcome));
        Assert.Equal(turn.Calls[0].Span.End, turn.Calls[1].Span.Start);
    }

    [Fact]
    public void Arguments_may_be_a_string_that_holds_an_object()
    {
        ParsedCall call = Assert.Single(Parse("""<tool_call>{"name": "f", "arguments": "{\"a\": 1}"}</tool_call>""").Calls);
        Assert.Equal("""{"a": 1}""", call.Arguments!.Value.GetRawText());
    }

    [Fact]
    public void Markers_spelled_from_ordinary_tokens_are_text()
    {
        string text = $"<tool_call>{Call}</tool_call>";
        ParsedTurn turn = Parser.Parse(Tiny.Encode(text, AddedTokenMatching.None));
        Assert.Empty(turn.Calls);
        Assert.Equal(text, turn.Content);
    }

    [Fact]
    public void Without_added_tokens_markers_are_found_in_the_text()
    {
        Tokenizer gpt2 = TestTokenizers.Shared("gpt2");
        int[] tokens = gpt2.Encode($"x<tool_call>{Call}</tool_call>y");
        ParsedTurn turn = ToolCallParsers.Create("hermes", gpt2, []).Parse(tokens);
        ParsedCall call = Assert.Single(turn.Calls);
        Assert.Equal("search", call.Name);
        Assert.Contains($"<tool_call>{Call}</tool_call>", gpt2.Decode(tokens.AsSpan(call.Span.Start..call.Span.End)), StringComparison.Ordinal);
        Assert.Equal("x\ny", turn.Content);
    }

    [Fact]
    public void Nothing_a_model_writes_makes_the_parser_throw()
    {
        Random random = new(12);
        string[] pieces = ["<tool_call>", "</tool_call>", "<think>", "</think>", Call, "{", "}", "\"name\"", ":", "text", "\n", "<|im_end|>", "\u00E9"];
        for (int round = 0; round < 5_000; round++)
        {
            int[] tokens = random.Next(2) == 0
                ? Tiny.Encode(string.Concat(Enumerable.Range(0, random.Next(0, 12)).Select(_ => pieces[random.Next(pieces.Length)])))
                : [.. Enumerable.Range(0, random.Next(0, 40)).Select(_ => random.Next(Tiny.VocabularySize + 3))];
            CheckSpans(Parser.Parse(tokens), tokens.Length);
            CheckSpans(ToolCallParsers.Create("llama3_json", Tiny, []).Parse(tokens), tokens.Length);
        }
    }

    private static void CheckSpans(ParsedTurn turn, int tokenCount)
    {
        int end = 0;
        foreach (ParsedCall call in turn.Calls)
        {
            Assert.True(call.Span.Start >= end && call.Span.End > call.Span.Start && call.Span.End <= tokenCount);
            Assert.Equal(call.Outcome == ParseOutcome.Ok, call.Error is null);
            end = call.Span.End;
        }
    }

    private static ParsedTurn Parse(string text) => Parser.Parse(Tiny.Encode(text));
}
