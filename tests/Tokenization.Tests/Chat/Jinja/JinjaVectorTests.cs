using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Chat.Jinja;

/// <summary>Our own vectors, written by Fixtures/jinja_vectors.py with the real Jinja2: every feature, and features together at random.</summary>
public sealed class JinjaVectorTests
{
    [Fact]
    public void A_template_prints_or_fails_as_in_jinja2()
    {
        List<string> differences = [];
        Dictionary<string, JsonElement> context = [];
        int rows = 0;
        foreach (string line in File.ReadLines(SharedFiles.InRepository("tests", "Tokenization.Tests", "Fixtures", "jinja-vectors.jsonl")))
        {
            JsonElement row = JsonElement.Parse(line);
            if (row.TryGetProperty("context", out JsonElement values))
            {
                context = values.EnumerateObject().Where(member => member.Value.ValueKind != JsonValueKind.Null || member.Name == "no")
                    .ToDictionary(member => member.Name, member => member.Value);
                context.Remove("add_generation_prompt");
                continue;
            }

            rows++;
            string source = row.GetProperty("template").GetString()!;
            if (Difference(source, context, row) is { } difference)
                differences.Add($"{source} gave {difference}");
        }

        Assert.Empty(differences);
        Assert.True(rows > 1_200, $"{rows} rows");
    }

    private static string? Difference(string source, Dictionary<string, JsonElement> context, JsonElement row)
    {
        string? expected = row.TryGetProperty("out", out JsonElement text) ? text.GetString() : null;
        try
        {
            RenderedChat chat = ChatTemplate.Parse(source, "vector", null, new FixedClock()).RenderJson(JsonElement.Parse("null"), null, false, context);
            bool isEqual = chat.Text == expected
                && chat.Generations.SequenceEqual(row.GetProperty("spans").EnumerateArray().Select(span => CodePointSpans.ToUtf16(chat.Text, span)));
            return isEqual ? null : chat.Text;
        }
        catch (TokenizerException exception)
        {
            bool isEqual = expected is null && exception.Message.EndsWith(
                $": {row.GetProperty("error_type").GetString()}: {row.GetProperty("error").GetString()}", StringComparison.Ordinal);
            return isEqual ? null : exception.Message;
        }
    }

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 1, 15, 12, 34, 56, TimeSpan.Zero);
    }
}
