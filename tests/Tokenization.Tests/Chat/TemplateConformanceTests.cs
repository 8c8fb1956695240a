using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat;

public sealed class TemplateConformanceTests
{
    private static readonly Dictionary<string, string> SpecialTokens = new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["unk_token"] = "<unk>" };

    [Fact]
    public void What_templates_do_to_history_is_what_real_jinja_shows()
    {
        JsonElement expected = JsonElement.Parse(File.ReadAllText(SharedFiles.InShared("golden", "prefix-stability.json")));
        int templates = 0;
        foreach (JsonProperty row in expected.EnumerateObject())
        {
            templates++;
            string path = SharedFiles.InShared("golden", "templates", row.Name);
            TemplateConformance found = TemplateConformance.Of(ChatTemplate.Parse(File.ReadAllText(path), row.Name, SpecialTokens));
            Assert.Equal(
                (Word(row, "user"), Word(row, "tool"), Word(row, "user_think"), Word(row, "tool_think")),
                (Word(found.UserTurn), Word(found.ToolTurn), Word(found.UserTurnAfterReasoning), Word(found.ToolTurnAfterReasoning)));
            Assert.Equal(
                (row.Name, Word(row, "genprompt_is_prefix_of_answer"), Word(row, "genprompt_is_prefix_of_think_answer")),
                (row.Name, Word(found.PromptOpensAnswer), Word(found.PromptOpensReasonedAnswer)));
        }

        Assert.True(templates > 200, $"{templates} templates");
    }

    [Fact]
    public void A_rewritten_turn_is_shown_where_it_changes()
    {
        const string Source = """
            {%- for m in messages %}
            {{- m.role + ': ' + (m.reasoning_content + ' / ' if m.reasoning_content and loop.last else '') + m.content + '\n' }}
            {%- endfor %}
            """;
        TemplateConformance found = TemplateConformance.Of(ChatTemplate.Parse(Source, "forgetful"));
        Assert.Equal(new HistoryFinding(HistoryChange.Appends, null), found.UserTurn);
        Assert.Equal(HistoryChange.Rewrites, found.UserTurnAfterReasoning.Change);
        Assert.Equal(
            """after "user: What is 2+2?\nassistant: ", "Two and two is four. / 4\n" becomes "4\nuser: And 3+3?\n" """.TrimEnd(),
            found.UserTurnAfterReasoning.Why);
    }

    private static string? Word(JsonProperty row, string member) =>
        row.Value.TryGetProperty(member, out JsonElement value) ? value.GetString() : null;

    private static string Word(HistoryFinding finding) => finding.Change switch
    {
        HistoryChange.Appends => "ok",
        HistoryChange.Rewrites => "BREAKS",
        _ => "error",
    };

    private static string? Word(bool? opens) => opens switch { null => null, true => "ok", _ => "BREAKS" };
}
