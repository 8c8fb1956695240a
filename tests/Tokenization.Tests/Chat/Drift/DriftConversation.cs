using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Chat;
using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Tokenization.Tests.Chat.Drift;

/// <summary>A conversation of a drift row: a prompt, what a model answered, and messages behind it.</summary>
internal sealed class DriftConversation
{
    private static readonly JsonElement WeatherTools = JsonElement.Parse(
        """
        [{"type": "function", "function": {"name": "get_weather", "description": "Get the current weather for a city.", "parameters": {
          "type": "object", "properties": {
            "city": {"type": "string", "description": "City name, e.g. \"São Paulo\" or 東京"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
          "required": ["city"]}}}]
        """);

    private static readonly Dictionary<(string Family, string Template), ChatFormat> Formats = [];
    private static readonly Lock FormatsLock = new();

    private readonly JsonElement _row;
    private readonly JsonElement? _tools;

    public DriftConversation(string family, JsonElement row)
    {
        _row = row;
        bool hasTools = row.TryGetProperty("has_tools", out JsonElement flag)
            ? flag.GetBoolean()
            : row.GetProperty("tools").ValueKind == JsonValueKind.Array;
        _tools = hasTools ? WeatherTools : null;
        Format = FormatOf(family, row);
    }

    public ChatFormat Format { get; }

    public int[] PromptIds() => Format.Tokenizer.Encode(
        Format.Template.RenderJson(_row.GetProperty("prompt_messages"), _tools, addGenerationPrompt: true, TestTemplates.KwargsOfRow(_row)).Text);

    /// <summary>What code that keeps messages sends next: the conversation with the parsed answer, rendered anew.</summary>
    public string Rerender()
    {
        JsonArray messages = [];
        foreach (JsonElement message in _row.GetProperty("prompt_messages").EnumerateArray())
            messages.Add(JsonNode.Parse(message.GetRawText()));
        messages.Add(ParsedAssistant());
        foreach (JsonElement message in _row.GetProperty("appended").EnumerateArray())
            messages.Add(JsonNode.Parse(message.GetRawText()));
        return Format.Template.RenderJson(
            JsonElement.Parse(messages.ToJsonString()), _tools, addGenerationPrompt: true, TestTemplates.KwargsOfRow(_row)).Text;
    }

    /// <summary>
    /// The answer as the row has it, but with arguments as the model spelled them: the row's went through JSON once more, so that 1.0 is 1.
    /// </summary>
    private JsonNode ParsedAssistant()
    {
        JsonNode answer = JsonNode.Parse(_row.GetProperty("parsed_assistant").GetRawText())!;
        int[] completion = Format.Tokenizer.Encode(_row.GetProperty("completion_text").GetString());
        IReadOnlyList<ParsedCall> calls = answer["tool_calls"] is null ? [] : Format.ToolCallParser.Parse(completion).Calls;
        for (int i = 0; i < calls.Count; i++)
        {
            JsonNode function = answer["tool_calls"]![i]!["function"]!;
            if (function["arguments"] is JsonObject)
                function["arguments"] = JsonNode.Parse(calls[i].Arguments!.Value.GetRawText());
        }

        return answer;
    }

    /// <summary>What the appended messages add behind the sampled turn.</summary>
    public IReadOnlyList<RenderedSpan> Delta(int[] completion)
    {
        ChatMessage[] appended = [.. _row.GetProperty("appended").EnumerateArray().Select(Message)];
        FunctionSchema[] tools = _tools is { } json ? [.. json.EnumerateArray().Select(Tool)] : [];
        return Format.RenderDelta(appended, tools, Format.EndOf(completion));
    }

    private static ChatMessage Message(JsonElement message) => new()
    {
        Role = message.GetProperty("role").GetString()!,
        Content = message.GetProperty("content").GetString(),
        ToolCallId = message.TryGetProperty("tool_call_id", out JsonElement id) ? id.GetString() : null,
        Name = message.TryGetProperty("name", out JsonElement name) ? name.GetString() : null,
    };

    private static FunctionSchema Tool(JsonElement tool)
    {
        JsonElement function = tool.GetProperty("function");
        return new(function.GetProperty("name").GetString()!, function.GetProperty("description").GetString()!, function.GetProperty("parameters"));
    }

    private static ChatFormat FormatOf(string family, JsonElement row)
    {
        string template = row.GetProperty("template").GetString()!;
        lock (FormatsLock)
        {
            if (!Formats.TryGetValue((family, template), out ChatFormat? format))
            {
                Tokenizer tokenizer = TestTokenizers.Shared(family);
                Dictionary<string, string> tokens = [];
                if (tokenizer.BosToken is { } bos)
                    tokens["bos_token"] = bos;
                if (tokenizer.EosToken is { } eos)
                    tokens["eos_token"] = eos;
                Formats[(family, template)] = format = ChatFormat.Create(tokenizer, TestTemplates.OfRow(row).With(tokens));
            }

            return format;
        }
    }
}
