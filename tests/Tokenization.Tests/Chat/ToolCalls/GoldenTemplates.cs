using System.Text.RegularExpressions;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization.Tests.Chat.ToolCalls;

/// <summary>The real templates of the golden vectors, each with a byte-level stand-in that has the template's markers as added tokens.</summary>
internal static partial class GoldenTemplates
{
    public const string EndOfText = "</s>";

    private static readonly Dictionary<string, string> Special = new() { ["bos_token"] = "<s>", ["eos_token"] = EndOfText };

    /// <summary>Their paths, relative to the folder of the templates, in order.</summary>
    public static IEnumerable<string> Paths()
    {
        string root = SharedFiles.InShared("golden", "templates");
        return Directory.EnumerateFiles(root, "*.jinja", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(root, path))
            .Order(StringComparer.Ordinal);
    }

    public static (Tokenizer Tokenizer, ChatTemplate Template) Read(string path)
    {
        string source = File.ReadAllText(SharedFiles.InShared("golden", "templates", path));
        Tokenizer tokenizer = FamilyTokenizer.With(Markers().Matches(source).Select(match => match.Value).Append(EndOfText).Distinct());
        return (tokenizer, ChatTemplate.Parse(source, path, Special));
    }

    [GeneratedRegex(@"<[|｜][^<>\n{}' ]+[|｜]>|\[/?[A-Z_]{3,}\]|</?(?:tool_call|arg_key|arg_value|start_of_turn|end_of_turn)>")]
    private static partial Regex Markers();
}
