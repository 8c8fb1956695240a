using System.Text.Json;
using System.Text.RegularExpressions;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

/// <summary>Real templates: which parser each is given, and whether it reads back what the template writes.</summary>
public sealed partial class TemplateDetectionTests
{
    private const string EndOfText = "</s>";
    private const string Arguments = """{"query": "<a> & \"b\" 'c' São Paulo {x}", "top_k": 3, "exact": true, "filters": {"lang": "de", "years": [1999, 2001]}}""";

    private static readonly FunctionSchema Search = new("search", "Searches.", JsonElement.Parse(
        """{"type": "object", "properties": {"query": {"type": "string", "description": "Words."}, "top_k": {"type": "integer", "description": "How many."}, "exact": {"type": "boolean", "description": "Whether."}, "filters": {"type": "object", "description": "Which."}}, "required": ["query"]}"""));

    [Fact]
    public void Every_template_gets_the_parser_of_its_family()
    {
        string root = SharedFiles.InShared("golden", "templates");
        string[] expected = File.ReadAllLines(SharedFiles.InRepository("tests", "Tokenization.Tests", "Chat", "ToolCalls", "template-parsers.tsv"));
        List<string> found = [];
        foreach (string path in Directory.EnumerateFiles(root, "*.jinja", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            (Tokenizer tokenizer, ChatTemplate template) = Read(path);
            if (Rendered(template, Arguments) is null && Rendered(template, JsonSerializer.Serialize(Arguments)) is null)
                continue;
            string parser = ToolCallDetection.Detect(tokenizer, template, [], EndOfText) ?? "none";
            found.Add($"{Path.GetRelativePath(root, path)}\t{parser}");
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
            (Tokenizer tokenizer, ChatTemplate template) = Read(SharedFiles.InShared("golden", "templates", path));
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

    private static (Tokenizer Tokenizer, ChatTemplate Template) Read(string path)
    {
        string source = File.ReadAllText(path);
        Tokenizer tokenizer = FamilyTokenizer.With(Markers().Matches(source).Select(match => match.Value).Distinct());
        Dictionary<string, string> special = new() { ["bos_token"] = "<s>", ["eos_token"] = EndOfText };
        return (tokenizer, ChatTemplate.Parse(source, path, special));
    }

    /// <summary>The turn with a call as a model would sample it; null where the template does not render the call.</summary>
    private static string? Rendered(ChatTemplate template, string arguments) =>
        new[] { "\"\"", "null" }.Select(content => ToolCallDetection.Answer(template, content, "search", arguments, Search, EndOfText)).FirstOrDefault(answer => answer is not null);

    [GeneratedRegex(@"<[|｜][^<>\n{}' ]+[|｜]>|\[/?[A-Z_]{3,}\]|</?(?:tool_call|arg_key|arg_value)>")]
    private static partial Regex Markers();
}
