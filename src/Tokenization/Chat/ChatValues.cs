using AgentRollout.Tokenization.Chat.Jinja;

namespace AgentRollout.Tokenization.Chat;

/// <summary>Messages and tools as the values that templates see, in OpenAI's nesting.</summary>
internal static class ChatValues
{
    public static List<object?> FromMessages(IReadOnlyList<ChatMessage> messages) => [.. messages.Select(FromMessage)];

    /// <summary>Null, which templates test for, where there are no tools.</summary>
    public static List<object?>? FromTools(IReadOnlyList<FunctionSchema> tools)
    {
        if (tools.Count == 0)
            return null;
        return [.. tools.Select(tool => Typed("function", new PythonDict
        {
            ["name"] = tool.Name,
            ["description"] = tool.Description,
            ["parameters"] = JinjaJson.FromJson(tool.Parameters),
        }))];
    }

    private static PythonDict FromMessage(ChatMessage message)
    {
        PythonDict value = new() { ["role"] = message.Role, ["content"] = message.Content };
        if (message.ReasoningContent is not null)
            value["reasoning_content"] = message.ReasoningContent;
        if (message.ToolCalls is { Count: > 0 } calls)
            value["tool_calls"] = new List<object?>(calls.Select(FromCall));
        if (message.ToolCallId is not null)
            value["tool_call_id"] = message.ToolCallId;
        if (message.Name is not null)
            value["name"] = message.Name;
        return value;
    }

    private static PythonDict FromCall(ToolCall call)
    {
        PythonDict value = Typed(call.Type, new PythonDict { ["name"] = call.Name, ["arguments"] = JinjaJson.FromJson(call.Arguments) });
        value["id"] = call.Id;
        return value;
    }

    private static PythonDict Typed(string type, PythonDict function) => new() { ["type"] = type, ["function"] = function };
}
