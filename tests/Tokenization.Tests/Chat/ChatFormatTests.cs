using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

public sealed class ChatFormatTests
{
    private static readonly FunctionSchema[] Tools =
        [new("search", "Search the web.", JsonElement.Parse("""{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}"""))];

    private static ChatFormat Tiny { get; } = ChatFormat.Load(TestTokenizers.TinyDirectory);

    [Fact]
    public void Chatml_is_probed_as_append_only_with_a_line_break_after_the_end_of_turn()
    {
        ChatFormatProbe probe = Tiny.Probe;
        Assert.Equal(("<|im_end|>", "\n", "<|im_start|>assistant\n"), (probe.EndOfTurn, probe.Glue, probe.GenerationPrompt));
        Assert.True(probe.AppendsUserMessages && probe.AppendsToolResults && probe.GenerationPromptOpensAnswer && probe.DeltaIgnoresContent);
        Assert.False(probe.KeepsReasoning);
        Assert.Null(probe.ToolRefusal);
        Assert.Equal("<|im_end|>", Tiny.Tokenizer.Describe(Tiny.EndOfTurnId));
        Assert.Equal("hermes", Tiny.ToolCallParser.Name);
    }

    [Fact]
    public void Qwen3_drops_old_reasoning_and_is_still_usable()
    {
        ChatFormatProbe probe = Shared("qwen3").Probe;
        Assert.Equal(("<|im_end|>", "\n"), (probe.EndOfTurn, probe.Glue));
        Assert.True(probe.AppendsToolResults && probe.GenerationPromptOpensAnswer && probe.DeltaIgnoresContent);
        Assert.False(probe.KeepsReasoning || probe.AppendsUserMessages);
    }

    [Fact]
    public void Llama3_is_read_with_its_own_parser_and_no_glue()
    {
        ChatFormat format = Shared("llama3_1");
        Assert.Equal(("<|eot_id|>", ""), (format.Probe.EndOfTurn, format.Probe.Glue));
        Assert.Equal("llama3_json", format.ToolCallParser.Name);
        string delta = Text(format, format.RenderDelta([ChatMessage.Tool("a", "f", "1"), ChatMessage.Tool("b", "g", "2")], Tools, closedBy: format.EndOfTurnId));
        Assert.Equal(2, delta.Split("<|start_header_id|>ipython").Length - 1);
    }

    [Fact]
    public void Gpt_oss_ends_turns_with_other_tokens_than_its_history()
    {
        ChatFormat format = Shared("gptoss");
        Assert.Equal(["<|return|>", "<|call|>"], format.Probe.EndsOfTurn);
        Assert.Equal("<|end|>", format.Probe.EndOfTurn);
        foreach (int end in format.EndOfTurnIds)
            Assert.StartsWith("<|start|>user<|message|>Hi<|end|>", Text(format, format.RenderDelta([ChatMessage.User("Hi")], [], closedBy: end)), StringComparison.Ordinal);
        Assert.StartsWith("<|end|><|start|>user<|message|>Hi", Text(format, format.RenderDelta([ChatMessage.User("Hi")], [], closedBy: null)), StringComparison.Ordinal);
        Assert.Null(format.EndOf(format.Tokenizer.Encode("<|channel|>analysis<|message|>Hm<|end|>")));
    }

    /// <summary>Its tokens for line breaks are added tokens too; one of them would end every answer at its first line.</summary>
    [Fact]
    public void Gemma_ends_turns_with_its_control_token_alone() =>
        Assert.Equal(["<end_of_turn>"], Shared("gemma3").Probe.EndsOfTurn);

    [Fact]
    public void Deepseek_opens_later_results_otherwise_than_the_first() =>
        Assert.False(Shared("deepseek_v3").Probe.DeltaIgnoresContent);

    [Fact]
    public void Where_the_opening_of_the_next_message_ends_a_turn_it_is_not_written_twice()
    {
        const string Source = """
            {%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}{% endfor %}
            {{- '<|im_start|>assistant\n' if add_generation_prompt }}
            """;
        ChatFormat format = ChatFormat.Create(Tiny.Tokenizer, ChatTemplate.Parse(Source, "open"));
        Assert.Equal(("", "<|im_start|>"), (format.Probe.EndOfTurn, Assert.Single(format.Probe.EndsOfTurn)));
        string rest = "user\nHi<|im_start|>assistant\n";
        Assert.Equal(rest, Text(format, format.RenderDelta([ChatMessage.User("Hi")], [], closedBy: format.EndOfTurnId)));
        Assert.Equal("<|im_start|>" + rest, Text(format, format.RenderDelta([ChatMessage.User("Hi")], [], closedBy: null)));
    }

    [Fact]
    public void The_parts_of_a_delta_have_their_sources()
    {
        IReadOnlyList<RenderedSpan> open = Tiny.RenderDelta([ChatMessage.User("Hi")], [], closedBy: null);
        Assert.Equal([SegmentSource.Scaffold, SegmentSource.Observation, SegmentSource.Scaffold], open.Select(span => span.Source));
        Assert.Equal(
            ["<|im_end|>\n", "<|im_start|>user\nHi<|im_end|>\n", "<|im_start|>assistant\n"],
            open.Select(span => Tiny.Tokenizer.Decode(span.Tokens)));
        IReadOnlyList<RenderedSpan> closed = Tiny.RenderDelta([ChatMessage.User("Hi")], [], closedBy: Tiny.EndOfTurnId);
        Assert.Equal(open.SelectMany(span => span.Tokens).Skip(1), closed.SelectMany(span => span.Tokens));
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("qwen3")]
    [InlineData("llama3_1")]
    public void Prompt_sampled_turns_and_deltas_decode_to_what_the_template_renders(string family)
    {
        ChatFormat format = family == "tiny" ? Tiny : Shared(family);
        Random random = new(11);
        for (int round = 0; round < 60; round++)
        {
            List<ChatMessage> messages = [ChatMessage.User(Words(random))];
            if (random.Next(2) == 0)
                messages.Insert(0, ChatMessage.System(Words(random)));
            List<int> tokens = [.. format.RenderPrompt(messages, Tools)];
            for (int turn = random.Next(1, 4); turn > 0; turn--)
            {
                ChatMessage assistant = Assistant(random, calls: family == "llama3_1" ? 1 : random.Next(1, 3));
                tokens.AddRange(format.Tokenizer.Encode(AnswerText(format, messages, assistant)));
                bool closed = random.Next(2) == 0;
                if (closed)
                    tokens.Add(format.EndOfTurnId);
                ChatMessage[] results = [.. assistant.ToolCalls!.Select(call => ChatMessage.Tool(call.Id, call.Name, Words(random)))];
                tokens.AddRange(format.RenderDelta(results, Tools, closed ? format.EndOfTurnId : null).SelectMany(span => span.Tokens));
                messages.AddRange([assistant, .. results]);
            }

            string rendered = format.Template.Render(messages, Tools, addGenerationPrompt: true);
            Assert.Equal(rendered, format.Tokenizer.Decode([.. tokens]));
        }
    }

    [Fact]
    public void Generation_marks_give_the_mask_of_what_an_assistant_wrote()
    {
        JsonElement messages = JsonElement.Parse("""[{"role":"user","content":"Hi"},{"role":"assistant","content":"caf\u00e9 \ud83d\ude00"},{"role":"user","content":"Bye"}]""");
        RenderedChat chat = Tiny.Template.RenderJson(messages, null, addGenerationPrompt: true);
        TokenizedText tokens = Tiny.Tokenizer.EncodeWithStarts(chat.Text);
        byte[] mask = tokens.Mask(chat.Generations);
        Assert.Equal("caf\u00E9 \U0001F600<|im_end|>", Tiny.Tokenizer.Decode([.. tokens.Ids.Where((_, i) => mask[i] == 1)]));
    }

    [Fact]
    public void An_assistant_message_is_never_rendered_behind_a_turn() =>
        Assert.Throws<TokenizerException>(() => Tiny.RenderDelta([ChatMessage.Assistant("no")], [], closedBy: Tiny.EndOfTurnId));

    [Theory]
    [InlineData("{% for m in messages %}{{ m.role }}{% endfor %}", "content of an assistant")]
    [InlineData("{% for m in messages %}{{ m.content }} - {% endfor %}", "control token")]
    [InlineData("{{ messages[-1].content }}<|im_end|>", "drops an assistant turn")]
    [InlineData("{% for m in messages %}{{ m.content }}<|im_end|>{{ '' if loop.last else loop.nextitem.role + '<|im_end|>' }}{% endfor %}{{ 'x' if add_generation_prompt else 'y' }}", "cannot be computed")]
    public void A_template_whose_delta_cannot_be_computed_is_refused_by_name(string source, string named)
    {
        TokenizerException exception = Assert.Throws<TokenizerException>(
            () => ChatFormat.Create(Tiny.Tokenizer, ChatTemplate.Parse(source, "odd.jinja")));
        Assert.Contains("odd.jinja", exception.Message, StringComparison.Ordinal);
        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_without_tools_says_why_it_renders_no_results()
    {
        const string Source = """
            {%- for m in messages %}{%- if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}
            {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}
            {{- '<|im_start|>assistant\n' if add_generation_prompt }}
            """;
        ChatFormat format = ChatFormat.Create(Tiny.Tokenizer, ChatTemplate.Parse(Source, "plain"));
        Assert.Contains("no tools here", format.Probe.ToolRefusal, StringComparison.Ordinal);
        Assert.False(format.Probe.AppendsToolResults);
        Assert.Throws<TokenizerException>(() => format.RenderDelta([ChatMessage.Tool("a", "f", "1")], [], closedBy: format.EndOfTurnId));
    }

    [Fact]
    public void Calls_in_an_unknown_form_have_no_parser()
    {
        const string Source = """
            {%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + (m.content or '') }}
            {%- for c in m.tool_calls or [] %}{{- 'PLEASE RUN ' + c.function.name }}{% endfor %}{{- '<|im_end|>\n' }}{% endfor %}
            {{- '<|im_start|>assistant\n' if add_generation_prompt }}
            """;
        ChatFormat format = ChatFormat.Create(Tiny.Tokenizer, ChatTemplate.Parse(Source, "odd"));
        Assert.Contains("hermes", Assert.Throws<TokenizerException>(() => format.ToolCallParser).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_small_trained_model_can_be_loaded()
    {
        ChatFormat format = ChatFormat.Load(SharedFiles.InRepository("models", "tiny-agent"));
        Assert.True(format.Probe.AppendsToolResults && format.Probe.AppendsUserMessages);
        Assert.Equal("hermes", format.ToolCallParser.Name);
    }

    private static ChatFormat Shared(string family) =>
        ChatFormat.Create(TestTokenizers.Shared(family), ChatTemplate.Load(SharedFiles.InShared("tokenizers", family)));

    private static string Text(ChatFormat format, IReadOnlyList<RenderedSpan> spans) =>
        string.Concat(spans.Select(span => format.Tokenizer.Decode(span.Tokens)));

    /// <summary>What a model would have to sample for the template to render it back.</summary>
    private static string AnswerText(ChatFormat format, List<ChatMessage> messages, ChatMessage assistant)
    {
        string prompt = format.Template.Render(messages, Tools, addGenerationPrompt: true);
        string answered = format.Template.Render([.. messages, assistant], Tools, addGenerationPrompt: false);
        Assert.StartsWith(prompt, answered, StringComparison.Ordinal);
        return answered[prompt.Length..answered.LastIndexOf(format.Probe.EndOfTurn, StringComparison.Ordinal)];
    }

    private static ChatMessage Assistant(Random random, int calls) =>
        ChatMessage.Assistant(
            Words(random),
            [.. Enumerable.Range(0, calls).Select(i => new ToolCall(
                $"c{i}", "search", JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["query"] = Words(random) })))])
        with { ReasoningContent = "because " + Words(random) };

    private static string Words(Random random) =>
        string.Join(' ', Enumerable.Range(0, random.Next(1, 6)).Select(_ => new[] { "the", "world", "hello", "42", "caf\u00E9", "\u65E5\u672C", "a-b" }[random.Next(7)]));
}
