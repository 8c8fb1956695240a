using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Tokenization.Tests.Chat;

/// <summary>
/// A seeded conversation within what a family's template takes. Its texts spell all of the family's control tokens, hold what merges and
/// normalization treat differently, and begin and end with white space and halves of characters.
/// </summary>
internal sealed class HostileConversation
{
    private static readonly string[] Tricks =
        ["```", "\n```", "{{ x }}", "{% endif %}", "\"}", "\\", "\\n", "[/INST]", "assistant\n", "</tool_response>", "<|", "|>", "'", "\"", " ", "\n", "\n\n"];

    private static readonly string[] Numbers = ["1.0", "-7", "1e+100", "123456789012345678", "0.1"];

    private readonly ChatFamily _family;
    private readonly Random _random;
    private readonly string[] _controls;

    public HostileConversation(ChatFamily family, Random random)
    {
        _family = family;
        _random = random;
        _controls = [.. family.Controls.Values];
        if (family.TakesTools && random.Next(2) == 0)
            Tools = [Tool("search"), Tool("f")];
        if (family.TakesSystem && random.Next(2) == 0)
            Messages.Add(ChatMessage.System(Text()));
        Messages.Add(ChatMessage.User(Text()));
        for (int turn = random.Next(3); turn > 0; turn--)
        {
            Messages.Add(ChatMessage.Assistant("so " + RandomText.Valid(random, random.Next(6))));
            Messages.Add(ChatMessage.User(Text()));
        }
    }

    /// <summary>Perhaps a system message and turns of before, then a user's message.</summary>
    public List<ChatMessage> Messages { get; } = [];

    public IReadOnlyList<FunctionSchema> Tools { get; } = [];

    /// <summary>What may follow an answer: results of its calls, or a user's message.</summary>
    public ChatMessage[] Reply()
    {
        int results = _family.TakesTools ? _random.Next(4) : 0;
        return results == 0
            ? [ChatMessage.User(Text())]
            : [.. Enumerable.Range(0, results).Select(i => ChatMessage.Tool($"c{i}", _random.Next(2) == 0 ? "search" : "f", Text()))];
    }

    /// <summary>A call whose arguments hold texts, numbers and nested values.</summary>
    public ToolCall Call()
    {
        JsonObject arguments = new()
        {
            ["q"] = Unchanging(Text()),
            ["n"] = JsonNode.Parse(Numbers[_random.Next(Numbers.Length)]),
            ["o"] = new JsonObject { ["list"] = new JsonArray(Unchanging(Text()), null, true, new JsonObject()) },
        };
        return new ToolCall("c1", "search", JsonElement.Parse(arguments.ToJsonString(JsonSerializerOptions.Web)));
    }

    /// <summary>What a message is without anything that could steer. White space alone stays, because templates may skip it.</summary>
    public static ChatMessage Harmless(ChatMessage message) =>
        message.Content!.All(IsSpace) ? message : message with { Content = "harmless" };

    /// <inheritdoc cref="Harmless(ChatMessage)"/>
    public static FunctionSchema Harmless(FunctionSchema tool) => tool with { Description = "harmless" };

    /// <summary>Whether Python's <c>strip</c> takes the character, and with it templates.</summary>
    public static bool IsSpace(char letter) => char.IsWhiteSpace(letter) || letter is >= '\u001C' and <= '\u001F';

    private FunctionSchema Tool(string name) => new(name, "x" + Text(), JsonElement.Parse(
        """{"type":"object","properties":{"q":{"type":"string","description":"A text."},"n":{"type":"number"},"o":{"type":"object"}},"required":["q"]}"""));

    private string Text()
    {
        string text = string.Concat(Enumerable.Range(0, _random.Next(8)).Select(_ => _random.Next(10) switch
        {
            < 3 => _controls[_random.Next(_controls.Length)],
            < 6 => Tricks[_random.Next(Tricks.Length)],
            < 9 => RandomText.Valid(_random, _random.Next(4)),
            _ => RandomText.AnyUnits(_random, 1),
        }));
        // Qwen3's template takes a user's message of this form for a result.
        return text.StartsWith("<tool_response>", StringComparison.Ordinal) ? "x" + text : text;
    }

    /// <summary>
    /// Without what normalization would change or join: it sees the arguments as JSON, where an accent behind a line break stands behind
    /// the letter of <c>\n</c>.
    /// </summary>
    private static string Unchanging(string text) => string.Concat(text.Where(letter => letter < '\u0300' || letter is '\u65E5' or '\u672C'));
}
