using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Tests.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>Every real template as a chat format: what loading finds out, or the sentence with which it is refused.</summary>
public sealed class ChatFormatTableTests
{
    [Fact]
    public void Every_template_is_probed_or_refused_as_the_table_says()
    {
        string[] expected = File.ReadAllLines(SharedFiles.InRepository("tests", "Tokenization.Tests", "Chat", "chat-formats.tsv"));
        string[] found = [.. GoldenTemplates.Paths().Select(Row)];
        Assert.Equal(string.Join('\n', expected), string.Join('\n', found));
    }

    private static string Row(string path)
    {
        (Tokenizer tokenizer, ChatTemplate template) = GoldenTemplates.Read(path);
        return string.Join('\t', [path, .. Found(tokenizer, template)]).Replace("\n", "\\n", StringComparison.Ordinal).TrimEnd();
    }

    private static string[] Found(Tokenizer tokenizer, ChatTemplate template)
    {
        try
        {
            ChatFormatProbe probe = ChatFormat.Create(tokenizer, template).Probe;
            CallSpelling calls = template.CallSpelling;
            return
            [
                "loads",
                string.Join(' ', probe.EndsOfTurn),
                $"user {Yes(probe.AppendsUserMessages)}, tool {Yes(probe.AppendsToolResults)}, prompt {Yes(probe.GenerationPromptOpensAnswer)}",
                probe.Policy,
                $"{calls.Ids}, {(calls.ArgumentsAsText ? "text" : "object")}, {calls.Content}",
                probe.ToolRefusal ?? "",
            ];
        }
        catch (TokenizerException exception)
        {
            return ["refused", exception.Message];
        }
    }

    private static string Yes(bool appends) => appends ? "+" : "-";
}
