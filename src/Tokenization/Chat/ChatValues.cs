using System.Buffers;
using AgentRollout.Tokenization.Chat.Jinja.Formatting;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat;

/// <summary>Messages and tools as the values that templates see, in OpenAI's nesting. For one rendering.</summary>
/// <param name="asContent">Whether their strings are told apart from the template's.</param>
/// <param name="calls">How the template takes tool calls.</param>
/// <param name="onlyMessage">The one message of which that is so; null for all messages and the tools.</param>
internal sealed class ChatValues(bool asContent, CallSpelling calls, int? onlyMessage = null)
{
    private static readonly PythonString _role = new("role");
    private static readonly PythonString _content = new("content");
    private static readonly PythonString _reasoning = new("reasoning_content");
    private static readonly PythonString _toolCalls = new("tool_calls");
    private static readonly PythonString _toolCallId = new("tool_call_id");
    private static readonly PythonString _name = new("name");
    private static readonly PythonString _id = new("id");
    private static readonly PythonString _type = new("type");
    private static readonly PythonString _function = new("function");
    private static readonly PythonString _arguments = new("arguments");
    private static readonly PythonString _description = new("description");
    private static readonly PythonString _parameters = new("parameters");

    private static readonly SearchValues<char> _plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");

    private readonly Dictionary<string, string> _callIds = new(StringComparer.Ordinal);
    private int? _message; // the message that is being read

    private bool IsContent => asContent && (onlyMessage is null || onlyMessage == _message);

    public PythonList FromMessages(IReadOnlyList<ChatMessage> messages)
    {
        List<object?> values = new(messages.Count);
        for (int i = 0; i < messages.Count; i++)
        {
            _message = i;
            values.Add(FromMessage(messages[i]));
        }

        _message = null;
        return new PythonList(values);
    }

    /// <summary>Null, which templates test for, where there are no tools.</summary>
    public PythonList? FromTools(IReadOnlyList<FunctionSchema> tools)
    {
        if (tools.Count == 0)
            return null;
        List<object?> values = new(tools.Count);
        foreach (FunctionSchema tool in tools)
        {
            PythonDict function = new(3);
            function.Add(_name, Text(tool.Name));
            function.Add(_description, Text(tool.Description));
            function.Add(_parameters, JinjaJson.FromJson(tool.Parameters, IsContent));
            values.Add(Typed("function", function));
        }

        return new PythonList(values);
    }

    /// <summary>Messages of which roles that are plain words count as the template's.</summary>
    public static object? WithPlainRoles(object? messages)
    {
        foreach (object? message in messages is PythonList list ? list.Items : [])
        {
            if (message is PythonDict fields && fields.TryGet(_role, out object? role) && role is PythonString { IsTemplate: false } text)
                fields.Set(_role, Role(text.Text));
        }

        return messages;
    }

    private static PythonString Role(string role) =>
        role.AsSpan().IndexOfAnyExcept(_plain) < 0 ? new PythonString(role) : PythonString.FromContent(role);

    private PythonDict FromMessage(ChatMessage message)
    {
        PythonDict value = new();
        value.Add(_role, Role(message.Role));
        bool hasCalls = message.ToolCalls is { Count: > 0 };
        value.Add(_content, Text(hasCalls ? calls.ContentBesideCalls(message.Content) : message.Content));
        if (message.ReasoningContent is not null)
            value.Add(_reasoning, Text(message.ReasoningContent));
        if (hasCalls)
        {
            List<object?> values = new(message.ToolCalls!.Count);
            foreach (ToolCall call in message.ToolCalls)
                values.Add(FromCall(call));
            value.Add(_toolCalls, new PythonList(values));
        }

        if (message.ToolCallId is not null)
            value.Add(_toolCallId, Text(_callIds.GetValueOrDefault(message.ToolCallId) ?? calls.Id(message.ToolCallId, message.Name ?? "tool")));
        if (message.Name is not null)
            value.Add(_name, Text(message.Name));
        return value;
    }

    private PythonDict FromCall(ToolCall call)
    {
        PythonDict function = new(2);
        function.Add(_name, Text(call.Name));
        function.Add(_arguments, calls.ArgumentsAsText ? Text(call.Arguments.GetRawText()) : JinjaJson.FromJson(call.Arguments, IsContent));
        PythonDict value = Typed(call.Type, function);
        string id = calls.Id(call.Id, call.Name);
        _callIds[call.Id] = id;
        value.Add(_id, Text(id));
        return value;
    }

    private static PythonDict Typed(string type, PythonDict function)
    {
        PythonDict value = new(3);
        value.Add(_type, new PythonString(type));
        value.Add(_function, function);
        return value;
    }

    private PythonString? Text(string? text) => text is null ? null : IsContent ? PythonString.FromContent(text) : new PythonString(text);
}
