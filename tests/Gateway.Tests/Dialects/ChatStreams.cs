using AgentRollout.Environments;
using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.RolloutEngine;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Tests.Dialects;

/// <summary>Chat calls on an engine that says what a test wants, in chunks of any size.</summary>
internal static class ChatStreams
{
    private static readonly string[] _parts =
    [
        "yes ", "no", "\n\n", "a\u00e9\u4e16", "\ud83d\ude00", "<think>", "</think>", "<tool_call>", "</tool_call>", "<|im_start|>", "{", "}", "stop",
        """<tool_call>{"name": "calculator", "arguments": {"expression": "1+1"}}</tool_call>""",
        """<tool_call>{"arguments": {"expression": "2"}, "name": "calculator"}</tool_call>""",
        """<tool_call>{"name": "calculator", "arguments": {"expression": 1""",
        """<tool_call>{"nam": 1}</tool_call>""",
    ];

    private static readonly string[] _stops = ["stop", "\n", "es", "no yes ", "}}", "}</tool_call>", "\u4e16\ud83d\ude00", "calc", "o", "</think>y"];

    public static ChatFormat Format { get; } = ChatFormat.Load(SharedFiles.InRepository("tests", "Testing", "Fixtures", "tiny-tokenizer"));

    public static FunctionSchema Calculator { get; } =
        new("calculator", "Computes.", System.Text.Json.JsonElement.Parse("""{"type": "object", "properties": {"expression": {"type": "string"}}}"""));

    /// <summary>A text that a model might write.</summary>
    public static string Text(Random random) => string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => _parts[random.Next(_parts.Length)]));

    /// <summary>A call with some stop texts, with tools or without.</summary>
    public static ChatCall Call(Random random, int choices = 1) => new()
    {
        Id = "call",
        Messages = [ChatMessage.User("Well?")],
        Tools = random.Next(4) > 0 ? [Calculator] : [],
        Choices = choices,
        MaxNewTokens = random.Next(3) > 0 ? 500 : random.Next(1, 40),
        StopTexts = [.. Enumerable.Range(0, random.Next(3)).Select(_ => _stops[random.Next(_stops.Length)])],
    };

    /// <summary>A runner on an engine that always writes the same.</summary>
    public static ChatRunner Runner(string text, int chunkSize)
    {
        int[] tokens = [.. Format.Tokenizer.Encode(text), Format.EndOfTurnId];
        ScriptedEngine engine = new(
            _ => new ScriptedAnswer(tokens) { ChunkSize = chunkSize }, new EngineModel("tiny", Format.Tokenizer.VocabularySize, 4_096, [Format.EndOfTurnId], 0));
        Policy policy = new("tiny", engine, Format);
        return new ChatRunner(policy, new DialectRunner(policy, new LiveCalls(), new WeightLabels(engine)));
    }
}
