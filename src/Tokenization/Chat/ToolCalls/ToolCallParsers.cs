using AgentRollout.Tokenization.Chat.ToolCalls.Blocks;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>The built-in formats of tool calls, by name (docs/tool-calls.md).</summary>
public static class ToolCallParsers
{
    private delegate TurnFormat BeginTurn(TurnCursor turn, TurnBuilder output, TurnContext context, Func<string, Marker> marker);

    /// <summary>In the order in which a template is tried against them: where several read it, the first is meant.</summary>
    private static readonly (string Name, BeginTurn Begin)[] Formats =
    [
        ("hermes", Block(new BlockGrammar("<tool_call>", "</tool_call>", source => new JsonBody(source, JsonCallShape.Arguments)))),
        ("qwen3_coder", Block(new BlockGrammar("<tool_call>", "</tool_call>", source => new TagBody(source, TagShape.Qwen3Coder)))),
        ("glm4", Block(new BlockGrammar("<tool_call>", "</tool_call>", source => new TagBody(source, TagShape.Glm)))),
        ("llama3_json", (turn, output, _, marker) => new LlamaFormat(turn, output, marker)),
        ("pythonic", (turn, output, _, marker) => new PythonicFormat(turn, output, marker)),
        ("mistral", Block(new BlockGrammar("[TOOL_CALLS]", null, source => new MistralBody(source)) { OpenReasoning = "[THINK]", CloseReasoning = "[/THINK]" })),
        ("deepseek_v3", Block(DeepSeek(new NamedShape("\n```json\n") { BeforeName = "<｜tool▁sep｜>", IsFenced = true }))),
        ("deepseek_v3_1", Block(DeepSeek(new NamedShape("<｜tool▁sep｜>")))),
        ("deepseek_v3_2", Block(new BlockGrammar(
            "<｜DSML｜function_calls>", "</｜DSML｜function_calls>", source => new TagBody(source, TagShape.DeepSeek)))),
        ("gpt_oss", (turn, output, _, marker) => new HarmonyFormat(turn, output, marker)),
        ("kimi_k2", Block(new BlockGrammar("<|tool_call_begin|>", "<|tool_call_end|>", source => new NamedBody(
            source, new NamedShape("<|tool_call_argument_begin|>") { CleanName = KimiName }))
        {
            Ignored = ["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"],
        })),
        ("minimax_m2", Block(new BlockGrammar("<minimax:tool_call>", "</minimax:tool_call>", source => new TagBody(source, TagShape.MiniMax)))),
        ("seed_oss", Block(new BlockGrammar("<seed:tool_call>", "</seed:tool_call>", source => new TagBody(source, TagShape.SeedOss))
        {
            OpenReasoning = "<seed:think>",
            CloseReasoning = "</seed:think>",
        })),
        ("command_r", Block(new BlockGrammar("<|START_ACTION|>", "<|END_ACTION|>", source => new JsonListBody(source, JsonCallShape.ToolName))
        {
            OpenReasoning = "<|START_THINKING|>",
            CloseReasoning = "<|END_THINKING|>",
            Ignored = ["<|START_RESPONSE|>", "<|END_RESPONSE|>"],
        })),
        ("functionary_v3_1", Block(new BlockGrammar("<function=", "</function>", source => new NamedBody(source, new NamedShape(">"))))),
        ("solar_open", Block(new BlockGrammar("<|tool_call:begin|>", "<|tool_call:end|>", source => new NamedBody(
            source, new NamedShape("<|tool_call:args|>") { BeforeName = "<|tool_call:name|>" }))
        {
            Ignored = ["<|tool_calls|>", "<|calls|>"],
        })),
        ("lfm2", Block(new BlockGrammar("<|tool_call_start|>", "<|tool_call_end|>", source => new PythonBody(source)))),
        ("nemotron_json", JsonList("<TOOLCALL>", "</TOOLCALL>")),
        ("tool_calls_json", JsonList("<tool_calls>", "</tool_calls>")),
        ("phi4_mini", JsonList("<|tool_call|>", "<|/tool_call|>")),
        ("granite", Block(new BlockGrammar("<|tool_call|>", null, source => new JsonListBody(source, JsonCallShape.Either)))),
    ];

    /// <summary>The known names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Formats.Select(format => format.Name)];

    /// <summary>The parser of a name.</summary>
    /// <param name="name">One of <see cref="Names"/>, or of those of <paramref name="more"/>.</param>
    /// <param name="tokenizer">The model's tokenizer: it decides which markers are tokens of their own.</param>
    /// <param name="endTokens">Tokens that end a turn and are no part of its text.</param>
    /// <param name="reasoningIsOpen">Whether prompts end inside an opened reasoning part; null where that is not known.</param>
    /// <param name="more">Formats that are known beside the built-in ones.</param>
    /// <exception cref="TokenizerException">The name is not known; lists the known ones.</exception>
    public static IToolCallParser Create(
        string name,
        Tokenizer tokenizer,
        IReadOnlyCollection<int> endTokens,
        bool? reasoningIsOpen = null,
        IReadOnlyList<ToolCallFormat>? more = null)
    {
        if (more?.FirstOrDefault(format => format.Name == name) is { } added)
            return added.CreateParser(tokenizer, endTokens, reasoningIsOpen);
        BeginTurn begin = Formats.FirstOrDefault(format => format.Name == name).Begin
            ?? throw new TokenizerException($"Tool-call parser '{name}' is unknown; known parsers: {string.Join(", ", NamesWith(more))}.");
        return new ToolCallParser(name, tokenizer, endTokens, reasoningIsOpen, new(begin));
    }

    internal static IEnumerable<string> NamesWith(IReadOnlyList<ToolCallFormat>? more) => [.. Names, .. (more ?? []).Select(format => format.Name)];

    private static BeginTurn Block(BlockGrammar grammar) =>
        (turn, output, context, marker) => new BlockFormat(turn, output, grammar, context, marker);

    private static BeginTurn JsonList(string open, string close) =>
        Block(new BlockGrammar(open, close, source => new JsonListBody(source, JsonCallShape.Either)));

    private static BlockGrammar DeepSeek(NamedShape shape) =>
        new("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", source => new NamedBody(source, shape))
        {
            Ignored = ["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
        };

    /// <summary>Kimi writes <c>functions.NAME:INDEX</c>.</summary>
    private static string KimiName(string text)
    {
        int end = text.LastIndexOf(':');
        string name = end > 0 && text.AsSpan(end + 1).IndexOfAnyExceptInRange('0', '9') < 0 ? text[..end] : text;
        return name.StartsWith("functions.", StringComparison.Ordinal) ? name["functions.".Length..] : name;
    }
}
