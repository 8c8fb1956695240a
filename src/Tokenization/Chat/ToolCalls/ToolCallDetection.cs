using System.Text.Json;

namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>Finds the format in which a template writes calls: it renders one, and the parser that reads it back is the right one.</summary>
internal static class ToolCallDetection
{
    private const string Function = "stand_in_function";
    private const string Arguments = """{"text": "stand-in text", "count": 7}""";

    private static readonly FunctionSchema Tool = new(
        Function,
        "Stands in.",
        JsonElement.Parse("""{"type": "object", "properties": {"text": {"type": "string", "description": "A text."}, "count": {"type": "integer", "description": "A number."}}, "required": ["text", "count"]}"""));

    /// <summary>Templates differ in what they accept beside a call: no content, an empty one, and arguments as an object or as its text.</summary>
    private static readonly (string Content, string Arguments)[] Spellings =
        [("\"\"", Arguments), ("null", Arguments), ("\"\"", Quoted(Arguments)), ("null", Quoted(Arguments))];

    private static readonly (string Open, string Close)[] ReasoningMarkers =
        [("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<seed:think>", "</seed:think>"), ("<|START_THINKING|>", "<|END_THINKING|>")];

    /// <summary>The named parser, or the one that fits; null where the template writes calls in a form that none reads. One that writes none is read as <c>hermes</c>.</summary>
    public static IToolCallParser? Choose(
        ChatFormatOptions options, Tokenizer tokenizer, ChatTemplate template, IReadOnlyCollection<int> endTokens, ChatFormatProbe probe)
    {
        string? chosen = options.ToolCallParser ?? Detect(tokenizer, template, endTokens, probe.EndOfTurn, options.ToolCallFormats);
        return chosen is null ? null : ToolCallParsers.Create(chosen, tokenizer, endTokens, ReasoningIsOpen(probe.GenerationPrompt), options.ToolCallFormats);
    }

    /// <summary>The name of the format that reads what the template writes.</summary>
    public static string? Detect(
        Tokenizer tokenizer, ChatTemplate template, IReadOnlyCollection<int> endTokens, string endOfTurn, IReadOnlyList<ToolCallFormat>? more = null)
    {
        bool writesCalls = false;
        foreach ((string content, string arguments) in Spellings)
        {
            if (Answer(template, content, Function, arguments, Tool, endOfTurn) is not { } answer)
                continue;
            writesCalls = true;
            int[] tokens = tokenizer.Encode(answer);
            foreach (string name in ToolCallParsers.NamesWith(more))
            {
                if (Reads(ToolCallParsers.Create(name, tokenizer, endTokens, more: more), tokens))
                    return name;
            }
        }

        return writesCalls ? null : "hermes";
    }

    /// <summary>What a model would have sampled for a call: the rendered turn behind the generation prompt, up to its end; null where the template renders none.</summary>
    public static string? Answer(
        ChatTemplate template, string content, string name, string arguments, FunctionSchema tool, string endOfTurn) =>
        Answer(template, content, name, arguments, tool, endOfTurn, id: "standin01") // nine letters and digits, as Mistral's templates insist
        ?? Answer(template, content, name, arguments, tool, endOfTurn, id: $"functions.{name}:0"); // Kimi's templates write the id alone

    private static string? Answer(
        ChatTemplate template, string content, string name, string arguments, FunctionSchema tool, string endOfTurn, string id)
    {
        const string User = """{"role": "user", "content": "Question"}""";
        string function = $$"""{"name": "{{name}}", "arguments": {{arguments}} }""";
        string call = $$"""{"role": "assistant", "content": {{content}}, "tool_calls": [{"id": "{{id}}", "type": "function", "function": {{function}} }]}""";
        try
        {
            string prompt = Render(template, $"[{User}]", tool, addGenerationPrompt: true);
            string answered = Render(template, $"[{User}, {call}]", tool, addGenerationPrompt: false);
            string answer = answered[AnswerStart(prompt, answered)..];
            if (!answer.Contains(name, StringComparison.Ordinal))
                return null;
            int end = answer.LastIndexOf(endOfTurn, StringComparison.Ordinal);
            return end > answer.LastIndexOf(name, StringComparison.Ordinal) ? answer[..end] : answer;
        }
        catch (TokenizerException)
        {
            return null;
        }
    }

    /// <summary>
    /// Behind the prompt; where the template opens a turn with a call in another way, behind the last line or marker that both share.
    /// </summary>
    private static int AnswerStart(string prompt, string answered)
    {
        int shared = prompt.AsSpan().CommonPrefixLength(answered);
        return shared == prompt.Length ? shared : prompt.AsSpan(0, shared).LastIndexOfAny('\n', '>', ']') + 1;
    }

    private static string Render(ChatTemplate template, string messages, FunctionSchema tool, bool addGenerationPrompt)
    {
        JsonElement tools = JsonSerializer.SerializeToElement(new[]
        {
            new { type = "function", function = new { name = tool.Name, description = tool.Description, parameters = tool.Parameters } },
        });
        return template.RenderJson(JsonElement.Parse(messages), tools, addGenerationPrompt).Text;
    }

    private static bool Reads(IToolCallParser parser, int[] tokens) =>
        parser.Parse(tokens, new TurnContext { Tools = [Tool] }).Calls is [{ Outcome: ParseOutcome.Ok, Name: Function } call]
        && JsonElement.DeepEquals(call.Arguments!.Value, JsonElement.Parse(Arguments));

    /// <summary>Whether a text ends with what opens a reasoning part.</summary>
    public static bool OpensReasoning(string text) =>
        ReasoningMarkers.Any(marker => text.AsSpan().TrimEnd().EndsWith(marker.Open, StringComparison.Ordinal));

    /// <summary>Whether the generation prompt ends inside a reasoning part; null where it does not say.</summary>
    private static bool? ReasoningIsOpen(string generationPrompt)
    {
        foreach ((string open, string close) in ReasoningMarkers)
        {
            int opened = generationPrompt.LastIndexOf(open, StringComparison.Ordinal);
            int closed = generationPrompt.LastIndexOf(close, StringComparison.Ordinal);
            if (opened >= 0 || closed >= 0)
                return opened > closed;
        }

        return null;
    }

    private static string Quoted(string json) => JsonSerializer.Serialize(json);
}
