using System.Text;
using System.Text.Json;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.RolloutEngine;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Dialects.Anthropic;

/// <summary>Reads requests of <c>/v1/messages</c>. Members without a meaning here are ignored, unless they would change the answer: then they are refused.</summary>
internal static class MessagesBodyReader
{
    private static readonly (string Name, string Reason)[] _refused =
    [
        ("output_format", "constrained decoding is not computed here"),
        ("mcp_servers", "offer their tools in 'tools', and call them"),
        ("container", "offer a tool that runs programs"),
        ("context_management", "conversations are rendered as they are sent"),
    ];

    /// <summary>The call that a body asks for.</summary>
    /// <param name="body">The body.</param>
    /// <param name="id">The name of the answer.</param>
    /// <param name="maxTokens">Most tokens of the answer.</param>
    /// <exception cref="Errors.InvalidInputException">A value cannot be used, or asks for what is not computed here.</exception>
    public static ChatCall Read(JsonBody body, string id, int? maxTokens)
    {
        body.Refuse(_refused);
        bool offersTools = ReadToolChoice(body["tool_choice"]);
        if (body["messages"] is not { } messages)
            throw DialectValues.Invalid("The body has no 'messages'.");
        List<ChatMessage> conversation = body["system"] is { } system ? [ChatMessage.System(ReadText(system, "system"))] : [];
        foreach ((JsonElement message, string path) in DialectValues.Objects("messages", messages))
            conversation.AddRange(ReadMessage(message, path));
        if (conversation is [.., { Role: "assistant" }])
            throw DialectValues.Invalid("The last message is the assistant's; it must be the user's, since an answer is sampled and never continued from a rendering.");
        return new ChatCall
        {
            Id = id,
            Messages = conversation,
            Tools = offersTools && body["tools"] is { } tools ? [.. DialectValues.Objects("tools", tools).Select(tool => ReadTool(tool.Value, tool.Path))] : [],
            TemplateArguments = ReadThinking(body["thinking"]),
            Sampling = new SamplingParams(body.Float("temperature") ?? 1f, body.Int("top_k") ?? 0, body.Float("top_p") ?? 1f),
            MaxNewTokens = maxTokens,
            ShowsMalformedCallsAsText = true,
            StopTexts = body["stop_sequences"] is { } stops ? DialectValues.Texts("stop_sequences", stops) : [],
        };
    }

    /// <summary>Whether the model is offered the tools.</summary>
    private static bool ReadToolChoice(JsonElement? choice)
    {
        if (choice is not { } value)
            return true;
        string? type = value.ValueKind == JsonValueKind.Object ? DialectValues.Text(value, "type", "tool_choice") : null;
        if (type is not ("auto" or "none"))
            throw DialectValues.Invalid($"'tool_choice' is {value.GetRawText()}; its type must be auto or none, since constrained decoding is not computed here.");
        if (DialectValues.Member(value, "disable_parallel_tool_use") is { ValueKind: JsonValueKind.True })
            throw DialectValues.Invalid("'tool_choice.disable_parallel_tool_use' is true; only false is supported, since constrained decoding is not computed here.");
        return type == "auto";
    }

    private static FunctionSchema ReadTool(JsonElement tool, string path)
    {
        if (DialectValues.Text(tool, "type", path) is { } type and not "custom")
            throw DialectValues.Invalid($"'{path}.type' is '{type}'; only tools of type 'custom', which the client runs, can be offered.");
        if (DialectValues.Member(tool, "input_schema") is not { ValueKind: JsonValueKind.Object } schema)
            throw DialectValues.Invalid($"'{path}' has no object 'input_schema'.");
        return new FunctionSchema(DialectValues.NeededText(tool, "name", path), DialectValues.Text(tool, "description", path) ?? "", schema);
    }

    /// <summary>What the templates of models that can do both call it.</summary>
    private static Dictionary<string, JsonElement>? ReadThinking(JsonElement? thinking)
    {
        if (thinking is not { } value)
            return null;
        string? type = value.ValueKind == JsonValueKind.Object ? DialectValues.Text(value, "type", "thinking") : null;
        return type switch
        {
            "enabled" or "adaptive" => new() { ["enable_thinking"] = JsonElement.Parse("true") },
            "disabled" => new() { ["enable_thinking"] = JsonElement.Parse("false") },
            _ => throw DialectValues.Invalid($"'thinking' is {value.GetRawText()}; its type must be enabled, adaptive or disabled."),
        };
    }

    private static IEnumerable<ChatMessage> ReadMessage(JsonElement message, string path)
    {
        string role = DialectValues.NeededText(message, "role", path);
        if (DialectValues.Member(message, "content") is not { } content)
            throw DialectValues.Invalid($"'{path}' has no 'content'.");
        return role switch
        {
            "user" => ReadUser(content, $"{path}.content"),
            "assistant" => [ReadAssistant(content, $"{path}.content")],
            _ => throw DialectValues.Invalid($"'{path}.role' is '{role}'; it must be user or assistant."),
        };
    }

    /// <summary>Text, and results of tools, each of which is a message of its own.</summary>
    private static IEnumerable<ChatMessage> ReadUser(JsonElement content, string path)
    {
        if (content.ValueKind != JsonValueKind.Array)
        {
            yield return ChatMessage.User(DialectValues.Text(path, content));
            yield break;
        }

        StringBuilder text = new();
        bool hasText = content.GetArrayLength() == 0;
        foreach ((JsonElement block, string at) in DialectValues.Objects(path, content))
        {
            if (DialectValues.Text(block, "type", at) != "tool_result")
            {
                text.Append(ReadBlock(block, at));
                hasText = true;
                continue;
            }

            if (hasText)
                yield return ChatMessage.User(text.ToString());
            hasText = false;
            text.Clear();
            string result = DialectValues.Member(block, "content") is { } inner ? ReadText(inner, $"{at}.content") : "";
            yield return new ChatMessage { Role = "tool", Content = result, ToolCallId = DialectValues.NeededText(block, "tool_use_id", at) };
        }

        if (hasText)
            yield return ChatMessage.User(text.ToString());
    }

    private static ChatMessage ReadAssistant(JsonElement content, string path)
    {
        if (content.ValueKind != JsonValueKind.Array)
            return ChatMessage.Assistant(DialectValues.Text(path, content));
        StringBuilder text = new(), reasoning = new();
        List<ToolCall> calls = [];
        foreach ((JsonElement block, string at) in DialectValues.Objects(path, content))
        {
            switch (DialectValues.Text(block, "type", at))
            {
                case "tool_use":
                    calls.Add(ReadCall(block, at));
                    break;
                case "thinking":
                    reasoning.Append(DialectValues.NeededText(block, "thinking", at));
                    break;
                default:
                    text.Append(ReadBlock(block, at));
                    break;
            }
        }

        return new ChatMessage
        {
            Role = "assistant",
            Content = text.Length == 0 && calls.Count > 0 ? null : text.ToString(),
            ReasoningContent = reasoning.Length == 0 ? null : reasoning.ToString(),
            ToolCalls = calls.Count == 0 ? null : calls,
        };
    }

    private static ToolCall ReadCall(JsonElement block, string path) => DialectValues.Member(block, "input") is { ValueKind: JsonValueKind.Object } input
        ? new ToolCall(DialectValues.NeededText(block, "id", path), DialectValues.NeededText(block, "name", path), input)
        : throw DialectValues.Invalid($"'{path}' has no object 'input'.");

    /// <summary>Text, or a list of blocks that are text.</summary>
    private static string ReadText(JsonElement content, string path) => content.ValueKind == JsonValueKind.Array
        ? string.Concat(DialectValues.Objects(path, content).Select(block => ReadBlock(block.Value, block.Path)))
        : DialectValues.Text(path, content);

    private static string ReadBlock(JsonElement block, string path)
    {
        string? type = DialectValues.Text(block, "type", path);
        return type == "text"
            ? DialectValues.NeededText(block, "text", path)
            : throw DialectValues.Invalid($"'{path}' has type '{type}', which cannot be read there; images and documents cannot be read at all.");
    }
}
