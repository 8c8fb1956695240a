using AgentRollout.Tokenization.PreTokenization;
using Xunit;

namespace AgentRollout.Tokenization.Tests.PreTokenization;

/// <summary>The parts are those of Hugging Face's tokenizers 0.23.2.</summary>
public sealed class ScriptSplitterTests
{
    [Theory]
    [InlineData("Hello, \u043C\u0438\u0440 123", "Hello|, |\u043C\u0438\u0440 |123")]
    [InlineData("  \u65E5\u672C\u306E\u30AB\u30FC\u30C9 ok", "\u65E5\u672C\u306E\u30AB\u30FC\u30C9 |ok")]
    [InlineData("e\u0301\u00E9 \u0378a", "e|\u0301|\u00E9 \u0378a")]
    [InlineData("   ", "")]
    [InlineData("\u00DCn\u00EF.c\u00F6de", "\u00DCn\u00EF|.|c\u00F6de")]
    public void A_text_is_cut_where_the_script_changes(string text, string parts)
    {
        ScriptSplitter splitter = new();
        List<string> found = [];
        for (int position = 0; splitter.TryNext(text, ref position, out int start, out int end);)
            found.Add(text[start..end]);
        Assert.Equal(parts, string.Join('|', found));
    }
}
