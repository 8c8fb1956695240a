using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization.Tests;

/// <summary>The templates that rows of the golden files name, with the special tokens and the clock of the reference.</summary>
internal static class TestTemplates
{
    public static ChatTemplate OfRow(JsonElement row)
    {
        string path = SharedFiles.InShared("golden", row.GetProperty("template").GetString()!);
        Dictionary<string, string> tokens = [];
        foreach (string name in new[] { "bos_token", "eos_token" })
        {
            if (row.TryGetProperty(name, out JsonElement token) && token.GetString() is { } text)
                tokens[name] = text;
        }

        return ChatTemplate.Parse(File.ReadAllText(path), path, tokens, new ReferenceClock());
    }

    public static JsonElement? ToolsOfRow(JsonElement row) =>
        row.GetProperty("tools") is { ValueKind: not JsonValueKind.Null } tools ? tools : null;

    public static Dictionary<string, JsonElement> KwargsOfRow(JsonElement row) =>
        row.GetProperty("extra").EnumerateObject().ToDictionary(member => member.Name, member => member.Value);

    /// <summary>The time at which the reference rendered.</summary>
    private sealed class ReferenceClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 1, 15, 12, 34, 56, TimeSpan.Zero);
    }
}
