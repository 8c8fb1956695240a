using System.Text.Json;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.Jinja;

/// <summary>Single features of Jinja2, each with what the real one prints or the error it raises.</summary>
public sealed class JinjaMicroTests
{
    [Fact]
    public void A_feature_prints_or_fails_as_in_jinja2()
    {
        List<string> differences = [];
        Dictionary<string, JsonElement> context = [];
        foreach (JsonElement row in TestTokenizers.GoldenRows("jinja-micro.jsonl"))
        {
            if (row.TryGetProperty("context", out JsonElement values))
            {
                context = values.EnumerateObject().ToDictionary(member => member.Name, member => member.Value);
                continue;
            }

            string source = row.GetProperty("template").GetString()!;
            string expected = row.GetProperty("out").GetString() ?? $"{row.GetProperty("error_type").GetString()}: {row.GetProperty("error").GetString()}";
            string actual = Outcome(source, context);
            if (actual != expected && !actual.EndsWith(": " + expected, StringComparison.Ordinal) && !MayDiffer(source))
                differences.Add($"{source} gave {actual}, not {expected}");
        }

        Assert.Empty(differences);
    }

    /// <summary>A row about a name that a chat template always has.</summary>
    private static bool MayDiffer(string source) => source.Contains("messages[0]", StringComparison.Ordinal);

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
