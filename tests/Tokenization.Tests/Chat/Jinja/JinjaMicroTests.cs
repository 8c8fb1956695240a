using System.Text.Json;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.Jinja;

/// <summary>Single features of Jinja2, each with what the real one prints or the error it raises.</summary>
public sealed class JinjaMicroTests
{
    [Fact]
    public void A_feature_prints_what_jinja2_prints_or_is_refused_by_name()
    {
        List<string> differences = [];
        Dictionary<string, JsonElement> context = [];
        int equal = 0;
        foreach (JsonElement row in TestTokenizers.GoldenRows("jinja-micro.jsonl"))
        {
            if (row.TryGetProperty("context", out JsonElement values))
            {
                context = values.EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
                continue;
            }

            string source = row.GetProperty("template").GetString()!;
            string expected = row.GetProperty("out").GetString() ?? row.GetProperty("error").GetString()!;
            string actual = Outcome(source, context);
            bool refused = actual.Contains("not supported", StringComparison.Ordinal) || actual.Contains("known filters", StringComparison.Ordinal);
            if (actual == expected || actual.EndsWith(": " + expected, StringComparison.Ordinal))
                equal++;
            else if (!refused && !MayDiffer(source))
                differences.Add($"{source} gave {actual}, not {expected}");
        }

        Assert.Empty(differences);
        Assert.True(equal >= 120, $"{equal} are equal");
    }

    /// <summary>Rows about names that a chat template always has, and about errors whose wording adds the known names here.</summary>
    private static bool MayDiffer(string source) =>
        source.Contains("messages[0]", StringComparison.Ordinal) || source.Contains("unknown_", StringComparison.Ordinal)
        || source.Contains("varargs", StringComparison.Ordinal) || source.Contains("s.index(", StringComparison.Ordinal);

    private static string Outcome(string source, Dictionary<string, JsonElement> context)
    {
        try
        {
            return ChatTemplate.Parse(source, "micro").RenderJson(JsonElement.Parse("null"), null, false, context).Text;
        }
        catch (TokenizerException exception)
        {
            return exception.Message;
        }
    }
}
