using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.Jinja;

/// <summary>Whatever a template asks for ends in a text or in a typed error.</summary>
public sealed class JinjaLimitsTests
{
    [Theory]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}", "length")]
    [InlineData("{% set a = range(100000) | list %}{% set b = a + [1] %}{% for i in range(100000) %}{{ b * 20 == a * 20 }}{% endfor %}", "seconds")]
    [InlineData("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "nested too deeply")]
    public void A_template_without_end_is_stopped(string source, string named)
    {
        ChatTemplate template = ChatTemplate.Parse(source, "endless");
        TokenizerException exception = Assert.Throws<TokenizerException>(() => template.Render([], [], addGenerationPrompt: false));
        Assert.Contains("endless", exception.Message, StringComparison.Ordinal);
        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }
}
