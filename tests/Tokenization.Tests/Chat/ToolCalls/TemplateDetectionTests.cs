using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

/// <summary>Real templates: which parser each is given, and whether it reads back what the template writes.</summary>
public sealed class TemplateDetectionTests
{
    private const string Arguments = """{"query": "<a> & \"b\" 'c' São Paulo {x}", "top_k": 3, "exact": true, "filters": {"lang": "de", "years": [1999, 2001]}}""";

    private static readonly FunctionSchema Search = new("search", "Searches.", JsonElement.Parse(
        """{"type": "object", "properties": {"query": {"type": "string", "description": "Words."}, "top_k": {"type": "integer", "description": "How many."}, "exact": {"type": "boolean", "description": "Whether."}, "filters": {"type": "object", "description": "Which."}}, "required": ["query"]}"""));

    [Fact]
    public void Every_template_gets_the_parser_of_its_family()
    {
        string[] expected = File.ReadAllLines(SharedFiles.InRepository("tests", "Tokenization.Tests", "Chat", "ToolCalls", "template-parsers.tsv"));
        List<string> found = [];
        foreach (string path in GoldenTemplates.Paths())
        {
            (Tokenizer tokenizer, ChatTemplate template) = GoldenTemplates.Read(path);
            if (Rendered(template, Arguments) is null && Rendered(template, JsonSerializer.Serialize(Arguments)) is null)
                continue;
            string parser = ToolCallDetection.Detect(tokenizer, template, [], GoldenTemplates.EndOfText) ?? "none";
            found.Add($"{path}\t{parser}");
        }

        Assert.Equal(string.Join('\n', expected), string.Join('\n', found));
    }

    [Fact]
    public void A_call_that_a_template_renders_is_read_back_with_its_name_and_arguments()
    {
        int read = 0;
        List<string> lost = [];
        foreach (string line in File.ReadLines(SharedFiles.InRepository("tests", "Tokenization.Tests", "Chat", "ToolCalls", "template-parsers.tsv")))
        {
            (string path, string name) = (line.Split('\t')[0], line.Split('\t')[1]);
            if (name == "none")
                continue;
            (Tokenizer tokenizer, ChatTemplate template) = GoldenTemplates.Read(path);
            // LFM2's templates put text between quotes without escaping those that it holds.
            string sent = name == "lfm2" ? Arguments.Replace("'c'", "c", StringComparison.Ordinal).Replace("\\\"", "", StringComparison.Ordinal) : Arguments;
            string[] answers = [.. new[] { sent, JsonSerializer.Serialize(sent) }.Select(spelling => Rendered(template, spelling)).OfType<string>()];
            bool isRead = answers.Any(answer => ToolCallParsers.Create(name, tokenizer, [])
                .Parse(tokenizer.Encode(answer), new TurnContext { Tools = [Search] })
                .Calls is [{ Name: "search", Arguments: { } arguments }] && JsonElement.DeepEquals(arguments, JsonElement.Parse(sent)));
            read += isRead ? 1 : 0;
            if (!isRead)
                lost.Add($"{path} ({name})");
        }

        Assert.Empty(lost);
        Assert.True(read > 100);
    }

    /// <summary>The turn with a call as a model would sample it; null where the template does not render the call.</summary>
    private static string? Rendered(ChatTemplate template, string arguments) =>
        new[] { "\"\"", "null" }.Select(content => ToolCallDetection.Answer(template, content, "search", arguments, Search, GoldenTemplates.EndOfText)).FirstOrDefault(answer => answer is not null);
}
