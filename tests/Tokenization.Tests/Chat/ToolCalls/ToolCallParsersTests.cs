using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

public sealed class ToolCallParsersTests
{
    private static readonly string[] Markers =
    [
        "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
        "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>", "<|constrain|>", "<|tool_call_begin|>", "<|tool_call_end|>",
        "<|tool_call_argument_begin|>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<|START_ACTION|>", "<|END_ACTION|>",
        "<|tool_call_start|>", "<|tool_call_end|>",
    ];

    private static readonly Tokenizer Family = FamilyTokenizer.With(Markers);

    private static readonly TurnContext Context = new()
    {
        Tools = [new FunctionSchema("f", "F.", System.Text.Json.JsonElement.Parse("""{"type":"object","properties":{"a":{"type":"string"},"n":{"type":"integer"},"o":{"type":"object"}}}"""))],
    };

    /// <summary>name of the parser, a turn with one call of f with a="x é" and n=7.</summary>
    public static TheoryData<string, string> Turns => new()
    {
        { "hermes", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x é\", \"n\": 7}}\n</tool_call>" },
        { "hermes", "<tool_call>{\"arguments\": {\"a\": \"x é\", \"n\": 7}, \"name\": \"f\"}</tool_call>" },
        { "qwen3_coder", "<tool_call>\n<function=f>\n<parameter=a>\nx é\n</parameter>\n<parameter=n>\n7\n</parameter>\n</function>\n</tool_call>" },
        { "glm4", "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x é</arg_value>\n<arg_key>n</arg_key>\n<arg_value>7</arg_value>\n</tool_call>" },
        { "llama3_json", "{\"name\": \"f\", \"parameters\": {\"a\": \"x é\", \"n\": 7}}" },
        { "llama3_json", "<|python_tag|>f.call(a=\"x é\", n=7)" },
        { "pythonic", "[f(a='x é', n=0x7)]" },
        { "mistral", "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": \"x é\", \"n\": 7}, \"id\": \"123456789\"}]" },
        { "mistral", "[TOOL_CALLS]f[ARGS]{\"a\": \"x é\", \"n\": 7}" },
        { "mistral", "[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{\"a\": \"x é\", \"n\": 7}" },
        { "deepseek_v3", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": \"x é\", \"n\": 7}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>" },
        { "deepseek_v3_1", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": \"x é\", \"n\": 7}<｜tool▁call▁end｜><｜tool▁calls▁end｜>" },
        { "gpt_oss", "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": \"x é\", \"n\": 7}<|call|>" },
        { "gpt_oss", " to=functions.f<|channel|>commentary json<|message|>{\"a\": \"x é\", \"n\": 7}<|call|>" },
        { "kimi_k2", "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\": \"x é\", \"n\": 7}<|tool_call_end|><|tool_calls_section_end|>" },
        { "minimax_m2", "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">x é</parameter>\n<parameter name=\"n\">7</parameter>\n</invoke>\n</minimax:tool_call>" },
        { "command_r", "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"f\", \"parameters\": {\"a\": \"x é\", \"n\": 7}}\n]<|END_ACTION|>" },
        { "functionary_v3_1", "<function=f>{\"a\": \"x é\", \"n\": 7}</function>" },
        { "lfm2", "<|tool_call_start|>[f(a=\"x é\", n=7)]<|tool_call_end|>" },
        { "phi4_mini", "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": \"x é\", \"n\": 7}}]<|/tool_call|>" },
    };

    [Theory]
    [MemberData(nameof(Turns))]
    public void Every_format_reads_its_call(string name, string text)
    {
        foreach (Tokenizer tokenizer in (Tokenizer[])[Family, TestTokenizers.Tiny])
        {
            int[] tokens = tokenizer.Encode(text);
            ParsedTurn turn = StreamChecks.Check(ToolCallParsers.Create(name, tokenizer, []), tokenizer, tokens, new Random(3), Context);
            ParsedCall call = Assert.Single(turn.Calls);
            Assert.Null(call.Error);
            Assert.Equal("f", call.Name);
            Assert.Equal("""{"a": "x é", "n": 7}""", call.ArgumentsText);
            Assert.Equal("", turn.Content);
            Assert.Contains(call.RawText, tokenizer.Decode(tokens.AsSpan(call.Span.Start..call.Span.End)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Turns))]
    public void A_cut_or_changed_call_is_data_and_splits_never_matter(string name, string text)
    {
        Random random = new(name.Length + text.Length);
        IToolCallParser parser = ToolCallParsers.Create(name, Family, []);
        int[] tokens = Family.Encode("<think>why</think>\n\nsay\n" + text + text + " é\n");
        for (int round = 0; round < 150; round++)
        {
            List<int> changed = [.. tokens[..random.Next(tokens.Length + 1)]];
            for (int i = random.Next(4); i > 0 && changed.Count > 0; i--)
            {
                int at = random.Next(changed.Count);
                if (random.Next(2) == 0)
                    changed.RemoveAt(at);
                else
                    changed.Insert(at, random.Next(3) == 0 ? random.Next(Family.VocabularySize + 2) : tokens[random.Next(tokens.Length)]);
            }

            TurnContext context = Context with { ReasoningIsOpen = random.Next(3) switch { 0 => null, 1 => true, _ => false } };
            StreamChecks.Check(parser, Family, [.. changed], random, context);
        }
    }

    [Fact]
    public void Random_tokens_are_read_by_every_parser()
    {
        Random random = new(21);
        foreach (string name in ToolCallParsers.Names)
        {
            IToolCallParser parser = ToolCallParsers.Create(name, Family, []);
            for (int round = 0; round < 200; round++)
                StreamChecks.Check(parser, Family, [.. Enumerable.Range(0, random.Next(60)).Select(_ => random.Next(200, Family.VocabularySize + 3))], random);
        }
    }

    [Fact]
    public void Channels_of_gpt_oss_are_reasoning_text_and_calls()
    {
        ParsedTurn turn = ToolCallParsers.Create("gpt_oss", Family, []).Parse(Family.Encode(
            "<|channel|>analysis<|message|>think<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
            + "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>"));
        Assert.Equal(("think", "I look."), (turn.Reasoning, turn.Content));
        Assert.Equal("""{"a": 1}""", Assert.Single(turn.Calls).ArgumentsText);
    }

    [Theory]
    [InlineData("[f(a={'k': [1, 2.5, True, None], \"z\": ('x',)}, b=-1_000)]", """{"a": {"k": [1, 2.5, true, null], "z": ["x"]}, "b": -1000}""")]
    [InlineData("[f(a='it\\'s \\u00e9' \"!\", b='''x\ny''', c=.5, d=0b11)]", """{"a": "it's é!", "b": "x\ny", "c": 0.5, "d": 3}""")]
    [InlineData("[f()]", "{}")]
    public void Python_literals_become_json(string text, string arguments)
    {
        ParsedCall call = Assert.Single(ToolCallParsers.Create("pythonic", Family, []).Parse(Family.Encode(text)).Calls);
        Assert.Null(call.Error);
        Assert.Equal(arguments, call.ArgumentsText);
    }

    [Theory]
    [InlineData("[f(1)]", "no name")]
    [InlineData("[f(a=1, a=2)]", "twice")]
    [InlineData("[f(a=open('x'))]", "no literal")]
    [InlineData("[f(a='x", "not closed")]
    public void Python_that_is_no_call_with_literals_is_malformed(string text, string named) =>
        Assert.Contains(named, Assert.Single(ToolCallParsers.Create("pythonic", Family, []).Parse(Family.Encode(text)).Calls).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("n", "7", "7")]
    [InlineData("n", "seven", "\"seven\"")]
    [InlineData("a", "7", "\"7\"")]
    [InlineData("o", "{'k': None}", "{\"k\": null}")]
    [InlineData("unknown", "7", "7")]
    [InlineData("unknown", "{'k': None}", "\"{'k': None}\"")]
    public void Bare_values_take_their_type_from_the_schema_or_from_json(string key, string value, string json)
    {
        ParsedTurn turn = ToolCallParsers.Create("qwen3_coder", Family, []).Parse(
            Family.Encode($"<tool_call>\n<function=f>\n<parameter={key}>\n{value}\n</parameter>\n</function>\n</tool_call>"), Context);
        Assert.Equal($"{{\"{key}\": {json}}}", Assert.Single(turn.Calls).ArgumentsText);
    }

    [Fact]
    public void Text_streams_while_the_call_is_still_to_come()
    {
        TurnReader reader = ToolCallParsers.Create("hermes", Family, [], reasoningIsOpen: false).Begin();
        Assert.Equal([new ContentDelta("Hello")], reader.Append(Family.Encode("Hello\n")));
        Assert.Equal([new ContentDelta("\nyou")], reader.Append(Family.Encode("you")));
        Assert.Equal([new CallStarted(0, "f"), new ArgumentsDelta(0, "{\"a\"")], reader.Append(Family.Encode("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\"")));
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones() =>
        Assert.Contains("qwen3_coder", Assert.Throws<TokenizerException>(() => ToolCallParsers.Create("qwen", Family, [])).Message, StringComparison.Ordinal);
}
