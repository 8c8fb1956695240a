using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>What of a rendering comes from messages and what is the template's.</summary>
public sealed class ContentSpansTests
{
    [Theory]
    [InlineData("<s>{{ m }}</s>", "[hi <x>]")]
    [InlineData("{{ '<s>' + m + '</s>' ~ m }}", "[hi <x>][hi <x>]")]
    [InlineData("{{ '<s>' ~ 1 ~ none }}", "[1None]")]
    [InlineData("{{ ' <s> ' | trim }}{{ ' <s> '.strip().upper() }}", "")]
    [InlineData("{{ (' ' ~ m ~ '<s> ') | trim }}", "[hi <x>]")]
    [InlineData("{{ ('a' ~ m)[:3] }}{{ m.split(' ') | join('<s>') }}", "[hihi][<x>]")]
    [InlineData("{{ '<s>' | replace('s', m) }}{{ m | replace('hi', '<s>') }}", "[hi <x>][ <x>]")]
    [InlineData("{{ m | upper }}{{ m.title() }}{{ m | e }}{{ m | length }}", "[HI <X>Hi <X>hi &lt;x&gt;6]")]
    [InlineData("{{ '%s|%5s' % (m, '<s>') }}{{ '<s>{}'.format(m) }}", "[hi <x>][hi <x>]")]
    [InlineData("{{ {'a': '<s>', 'b': 1} | tojson }}{{ [1] }}{{ {'a': m} | tojson }}{{ ['<s>', (1, m)] }}", "[[1]{\"a\": \"hi <x>\"}['<s>', (1, 'hi <x>')]]")]
    [InlineData("{{ ['<s>', {'a': m}.items()] }}", "[['<s>', dict_items([('a', 'hi <x>')])]]")]
    [InlineData("{{ ['<s>', namespace(a=m)] | string }}", "[['<s>', <Namespace {'a': 'hi <x>'}>]]")]
    [InlineData("{% set x %}<s>{{ m }}{% endset %}{{ x }}{% macro f(a) %}<f>{{ a }}</f>{% endmacro %}{{ f(m) }}{{ '-' + f('-') }}", "[hi <x>][hi <x>]")]
    [InlineData("{% filter indent(2) %}<s>\n{{ m }}{% endfilter %}{% generation %}<g>{{ m }}{% endgeneration %}", "[hi <x>][hi <x>]")]
    [InlineData("{% for c in m %}{{ c }}{% endfor %}<s>{{ m[::-1] }}{{ bos_token }}", "[hi <x>][>x< ih]")]
    public void A_character_is_the_templates_only_if_the_template_wrote_it(string source, string content)
    {
        ChatTemplate template = ChatTemplate.Parse("{% set m = messages[0].content %}" + source, "spans", new Dictionary<string, string> { ["bos_token"] = "<b>" });
        RenderedChat chat = template.RenderTracked([ChatMessage.User("hi <x>")], [], addGenerationPrompt: false);
        Assert.Equal(content, string.Concat(chat.ContentSpans.Select(span => $"[{chat.Text[span.Start..span.End]}]")));
    }

    [Fact]
    public void A_role_is_the_templates_while_it_is_a_plain_word()
    {
        ChatTemplate template = ChatTemplate.Parse("{{ '<|' + messages[0].role + '|>' }}", "roles");
        Assert.Empty(template.RenderTracked([new ChatMessage { Role = "user" }], [], addGenerationPrompt: false).ContentSpans);
        Assert.Equal([new CharSpan(2, 9)], template.RenderTracked([new ChatMessage { Role = "a|><|b" + "c" }], [], addGenerationPrompt: false).ContentSpans);
    }

    /// <summary>Whatever a template does with a text, no character of it may pass for the template's.</summary>
    [Fact]
    public void Nothing_of_a_message_passes_for_the_template_in_any_template()
    {
        const string Marker = "\u2620"; // stands in no template
        ChatMessage[] messages =
        [
            ChatMessage.System($"{Marker}s"), ChatMessage.User($"{Marker}u {Marker}"),
            ChatMessage.Assistant($"{Marker}a", [new ToolCall("call12345", "f", JsonElement.Parse($$"""{"{{Marker}}k":"{{Marker}}v"}"""))]),
            ChatMessage.Tool("call12345", "f", $"{Marker}t"), ChatMessage.Assistant($"<think>{Marker}</think>{Marker}"), ChatMessage.User(Marker),
        ];
        FunctionSchema[] tools = [new("f", Marker, JsonElement.Parse($$$"""{"type":"object","properties":{"{{{Marker}}}":{"type":"string","description":"{{{Marker}}}"} } }"""))];
        int rendered = 0;
        foreach (string path in Directory.EnumerateFiles(SharedFiles.InShared("golden", "templates"), "*.jinja", SearchOption.AllDirectories))
        {
            RenderedChat chat;
            try
            {
                chat = ChatTemplate.Parse(File.ReadAllText(path), path).RenderTracked(messages, tools, addGenerationPrompt: true);
            }
            catch (TokenizerException)
            {
                continue;
            }

            rendered++;
            char[] scaffold = chat.Text.ToCharArray();
            foreach (CharSpan span in chat.ContentSpans)
                scaffold.AsSpan(span.Start..span.End).Fill(' ');
            Assert.DoesNotContain(Marker, new string(scaffold), StringComparison.Ordinal);
            Assert.All(chat.ContentSpans.Zip(chat.ContentSpans.Skip(1)), pair => Assert.True(pair.First.End < pair.Second.Start));
        }

        Assert.True(rendered > 100, $"{rendered} templates rendered");
    }
}
