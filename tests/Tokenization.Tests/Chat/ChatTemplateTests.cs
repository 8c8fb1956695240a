using System.Globalization;
using System.Text.Json;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

public sealed class ChatTemplateTests : IDisposable
{
    private const string Chatml =
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private readonly string _directory = Directory.CreateTempSubdirectory("template").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Chatml_renders_messages_and_the_generation_prompt() =>
        Assert.Equal(
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
            Parse(Chatml).Render([ChatMessage.User("Hi")], [], addGenerationPrompt: true));

    [Fact]
    public void What_comes_from_messages_is_told_apart_from_the_template()
    {
        RenderedChat chat = Parse(Chatml).RenderTracked([ChatMessage.User("<|im_end|>")], [], addGenerationPrompt: true);
        Assert.Equal(["<|im_end|>"], chat.ContentSpans.Select(span => chat.Text[span.Start..span.End]));
    }

    [Fact]
    public void Messages_and_tools_reach_the_template_in_openais_nesting()
    {
        ChatMessage assistant = ChatMessage.Assistant(null, [new ToolCall("c1", "f", JsonElement.Parse("""{"b":1.0,"a":[1,-0.0,1e100,123456789012345678901]}"""))])
            with { ReasoningContent = "why" };
        string text = Parse("{{ messages | tojson }}|{{ tools | tojson }}").Render(
            [assistant, ChatMessage.Tool("c1", "f", "r")],
            [new FunctionSchema("f", "Does.", JsonElement.Parse("""{"type":"object"}"""))],
            addGenerationPrompt: false);
        Assert.Equal(
            """[{"role": "assistant", "content": null, "reasoning_content": "why", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"b": 1.0, "a": [1, -0.0, 1e+100, 123456789012345678901]}}, "id": "c1"}]}, """
            + """{"role": "tool", "content": "r", "tool_call_id": "c1", "name": "f"}]|[{"type": "function", "function": {"name": "f", "description": "Does.", "parameters": {"type": "object"}}}]""",
            text);
    }

    [Fact]
    public void Without_tools_the_template_sees_none_and_without_a_special_token_nothing()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ tools is none }}{{ eos_token }}{{ bos_token is defined }}", "t", new Dictionary<string, string> { ["eos_token"] = "E" });
        Assert.Equal("TrueEFalse", template.Render([], [], addGenerationPrompt: false));
    }

    [Fact]
    public void Further_variables_are_passed_on()
    {
        Dictionary<string, JsonElement> kwargs = new() { ["enable_thinking"] = JsonElement.Parse("false") };
        Assert.Equal("True", Parse("{{ enable_thinking is false }}").Render([], [], addGenerationPrompt: false, kwargs));
    }

    [Fact]
    public void The_file_wins_over_the_config_and_a_tool_template_is_taken_where_there_are_tools()
    {
        File.WriteAllText(Path.Combine(_directory, "tokenizer_config.json"), """
            {"eos_token": {"content": "<e>"}, "chat_template": [{"name": "default", "template": "plain{{ eos_token }}"}, {"name": "tool_use", "template": "with tools"}]}
            """);
        FunctionSchema[] tools = [new("f", "", JsonElement.Parse("{}"))];
        ChatTemplate named = ChatTemplate.Load(_directory);
        Assert.Equal("plain<e>", named.Render([], [], addGenerationPrompt: false));
        Assert.Equal("with tools", named.Render([], tools, addGenerationPrompt: false));
        File.WriteAllText(Path.Combine(_directory, "chat_template.jinja"), "file");
        ChatTemplate file = ChatTemplate.Load(_directory);
        Assert.Equal("file", file.Render([], tools, addGenerationPrompt: false));
        Assert.NotEqual(named.Hash, file.Hash);
    }

    [Theory]
    [InlineData("{}", "none")]
    [InlineData("""{"chat_template": [{"name": "rag", "template": ""}]}""", "rag")]
    [InlineData("""{"chat_template": [{"name": "rag"}]}""", "rag")]
    [InlineData("""{"chat_template": 5}""", "tokenizer_config.json")]
    [InlineData("{", "tokenizer_config.json")]
    public void A_directory_without_a_usable_template_is_an_error_that_says_what_is_there(string config, string named)
    {
        File.WriteAllText(Path.Combine(_directory, "tokenizer_config.json"), config);
        Assert.Contains(named, Assert.Throws<TokenizerException>(() => ChatTemplate.Load(_directory)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\nb\n{{ raise_exception('no ' ~ 1) }}", "line 3", "no 1")]
    [InlineData("{% if x %}", "line 1", "endif")]
    [InlineData("\n{% endfor %}", "line 2", "endfor")]
    [InlineData("\n\n{{ 'x' | nosuch }}", "line 3", "No filter named 'nosuch'.")]
    [InlineData("{{ 1 is nosuch }}", "line 1", "No test named 'nosuch'.")]
    [InlineData("\n{% include 'x' %}", "line 2", "no loader for this environment specified")]
    [InlineData("{% break %}", "line 1", "break")]
    [InlineData("{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "line 1", "break")]
    [InlineData("{{ [1] | map('upper') }}", "line 1", "generator")]
    [InlineData("a\n{{ lipsum() }}", "line 2", "lipsum")]
    [InlineData("{{ 'a' | foo.bar }}", "line 1", "foo.bar")]
    public void An_error_names_template_line_and_cause(string source, string line, string cause)
    {
        TokenizerException exception = Assert.Throws<TokenizerException>(() => Parse(source).Render([], [], addGenerationPrompt: false));
        Assert.Contains("test.jinja", exception.Message, StringComparison.Ordinal);
        Assert.Contains(line, exception.Message, StringComparison.Ordinal);
        Assert.Contains(cause, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% for a in range(100000) %}{% for b in range(100000) %}{{ b }}{% endfor %}{% endfor %}")]
    [InlineData("{{ range(10 ** 9) | list }}")]
    [InlineData("{{ 'a' * 10 ** 12 }}")]
    [InlineData("{{ [0] * 10 ** 9 }}")]
    [InlineData("{{ 10 ** 1000000 }}")]
    [InlineData("{{ 9 ** 99999 ** 9 }}")]
    [InlineData("{{ 'x' | indent(10 ** 9, true) }}")]
    [InlineData("{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}")]
    [InlineData("{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}")]
    [InlineData("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}{{ ns.x | list }}")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    public void A_runaway_template_ends_in_a_typed_error(string source) =>
        Assert.Throws<TokenizerException>(() => Parse(source).Render([], [], addGenerationPrompt: false));

    [Theory]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}{{ ns.x | list }}")]
    [InlineData("{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    public void A_larger_stack_allows_no_deeper_nesting(string source)
    {
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(() => Parse(source).Render([], [], addGenerationPrompt: false)), maxStackSize: 256 << 20);
        thread.Start();
        thread.Join();
        Assert.IsType<TokenizerException>(failure);
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("1 if 1 else ", "")]
    [InlineData("1 + (", ")")]
    public void Deep_nesting_is_a_typed_error_or_works(string open, string close)
    {
        string source = "{{ " + string.Concat(Enumerable.Repeat(open, 200_000)) + "1" + string.Concat(Enumerable.Repeat(close, 200_000)) + " }}";
        Assert.Throws<TokenizerException>(() => Parse(source).Render([], [], addGenerationPrompt: false));
    }

    [Fact]
    public void Long_chains_of_operators_are_a_typed_error()
    {
        string chain = "{{ 1" + string.Concat(Enumerable.Repeat(" - 1", 200_000)) + " }}";
        Assert.Throws<TokenizerException>(() => Parse(chain).Render([], [], addGenerationPrompt: false));
        string blocks = string.Concat(Enumerable.Repeat("{% if 1 %}", 200_000)) + string.Concat(Enumerable.Repeat("{% endif %}", 200_000));
        Assert.Throws<TokenizerException>(() => Parse(blocks).Render([], [], addGenerationPrompt: false));
    }

    [Fact]
    public void Random_template_text_renders_or_is_a_typed_error()
    {
        string[] pieces =
        [
            "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", " ", "\n", "if", "else", "elif", "endif", "for", "in", "endfor", "set", "endset", "macro", "endmacro",
            "call", "endcall", "filter", "endfilter", "generation", "endgeneration", "raw", "endraw", "with", "endwith", "break", "m", "messages", "loop", ".",
            "role", "content", "[", "]", "(", ")", "{", "}", ":", ",", "|", "tojson", "length", "join", "map", "is", "defined", "not", "and", "or", "~", "*", "**",
            "/", "//", "%", "==", "<", "=", "'a'", "\"b", "\\", "1", "2.5", "0x", "1e", "\u00E9", "\uD800", "namespace", "range",
        ];
        Random random = new(13);
        int rendered = 0;
        for (int round = 0; round < 40_000; round++)
        {
            string source = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => pieces[random.Next(pieces.Length)]));
            if (random.Next(2) == 0)
                source = "{{ " + source.Replace("{{", "", StringComparison.Ordinal) + " }}";
            try
            {
                Parse(source).Render([ChatMessage.User("Hi")], [], addGenerationPrompt: true);
                rendered++;
            }
            catch (TokenizerException)
            {
            }
        }

        Assert.InRange(rendered, 1_000, 39_000);
    }

    [Fact]
    public void Numbers_print_the_same_under_a_foreign_culture()
    {
        CultureInfo culture = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("ar-SA");
        try
        {
            Assert.Equal("-1 1.5 1e-05 [-2, 0.1] -3", Parse("{{ -1 }} {{ 1.5 }} {{ 0.00001 }} {{ [-2, 0.1] }} {{ (0 - 3) | tojson }}").Render([], [], addGenerationPrompt: false));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    private static ChatTemplate Parse(string source) => ChatTemplate.Parse(source, "test.jinja");
}
