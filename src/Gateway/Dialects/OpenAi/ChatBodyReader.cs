using System.Text.Json;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway.Dialects.OpenAi;

/// <summary>Reads requests of <c>/v1/chat/completions</c>.</summary>
internal static class ChatBodyReader
{
    /// <summary>The call that a body asks for.</summary>
    /// <exception cref="Errors.InvalidInputException">A value cannot be used, or asks for what is not computed here.</exception>
    public static ChatCall Read(OpenAiBody body, string id)
    {
        if (body.Bool("parallel_tool_calls") == false)
            throw DialectValues.Invalid("'parallel_tool_calls' is false; only true is supported, since constrained decoding is not computed here.");
        if (body.Bool("add_special_tokens") == true)
            throw DialectValues.Invalid("'add_special_tokens' is true; only false is supported, since the template writes the tokens that a conversation begins with.");
        bool offersTools = ReadToolChoice(body["tool_choice"]);
        bool wantsLogprobs = body.Bool("logprobs") ?? false;
        return new ChatCall
        {
            Id = body.Text("rid") ?? body.Text("request_id") ?? id,
            Messages = body["messages"] is { } messages ? [.. DialectValues.Objects("messages", messages).Select(message => ReadMessage(message.Value, message.Path))] : [],
            Prompt = body["input_ids"] is { } ids ? DialectValues.Ints("input_ids", ids).ToArray() : (ReadOnlyMemory<int>?)null,
            Tools = offersTools && body["tools"] is { } tools ? [.. DialectValues.Objects("tools", tools).Select(tool => ReadTool(tool.Value, tool.Path))] : [],
            TemplateArguments = ReadArguments(body),
            Choices = body.Choices,
            Sampling = body.Sampling,
            MaxNewTokens = body.Int("max_completion_tokens") ?? body.Int("max_tokens"),
            Seed = body.Seed,
            StopTexts = body.Stop,
            StopTokenIds = body.StopTokenIds,
            IgnoresEnds = body.Bool("ignore_eos") ?? false,
            KeepsStop = body.KeepsStop,
            PromptLogprobs = body.PromptLogprobs,
            TopLogprobs = wantsLogprobs ? body.Int("top_logprobs") ?? 0 : 0,
            Priority = body.Int("priority") ?? 0,
        };
    }

    /// <summary>Whether the model is offered the tools.</summary>
    private static bool ReadToolChoice(JsonElement? choice)
    {
        if (choice is null)
            return true;
        string word = choice.Value.ValueKind == JsonValueKind.String ? choice.Value.GetString()! : choice.Value.GetRawText();
        return word switch
        {
            "auto" => true,
            "none" => false,
            _ => throw DialectValues.Invalid($"'tool_choice' is {word}; it must be auto or none, since constrained decoding is not computed here."),
        };
    }

    private static FunctionSchema ReadTool(JsonElement tool, string path)
    {
        if (DialectValues.Member(tool, "function") is not { ValueKind: JsonValueKind.Object } function)
            throw DialectValues.Invalid($"'{path}' must be an object of type 'function' with the member 'function'.");
        return new FunctionSchema(
            DialectValues.NeededText(function, "name", $"{path}.function"),
            DialectValues.Text(function, "description", $"{path}.function") ?? "",
            DialectValues.Member(function, "parameters") is { ValueKind: JsonValueKind.Object } parameters ? parameters : NoParameters);
    }

    private static JsonElement NoParameters { get; } = JsonElement.Parse("""{"type": "object", "properties": {}}""");

    /// <summary>Variables of the template; how much to reason is one, in the templates that know it.</summary>
    private static Dictionary<string, JsonElement>? ReadArguments(OpenAiBody body)
    {
        Dictionary<string, JsonElement> arguments = [];
        if (body["reasoning_effort"] is { } effort)
            arguments["reasoning_effort"] = effort;
        if (body["documents"] is { } documents)
            arguments["documents"] = documents;
        if (body["chat_template_kwargs"] is { } given)
        {
            if (given.ValueKind != JsonValueKind.Object)
                throw DialectValues.Invalid("'chat_template_kwargs' must be an object.");
            foreach (JsonProperty member in given.EnumerateObject())
                arguments[member.Name] = member.Value;
        }

        return arguments.Count == 0 ? null : arguments;
    }

    private static ChatMessage ReadMessage(JsonElement message, string path)
    {
        string role = DialectValues.NeededText(message, "role", path);
        if (role is not ("system" or "developer" or "user" or "assistant" or "tool"))
            throw DialectValues.Invalid($"'{path}.role' is '{role}'; it must be system, developer, user, assistant or tool.");
        return new ChatMessage
        {
            Role = role == "developer" ? "system" : role,
            Content = DialectValues.Member(message, "content") is { } content ? ReadContent(content, $"{path}.content") : null,
            ReasoningContent = role == "assistant" ? DialectValues.Text(message, "reasoning_content", path) ?? DialectValues.Text(message, "reasoning", path) : null,
            ToolCalls = role == "assistant" && DialectValues.Member(message, "tool_calls") is { } calls ? ReadCalls(calls, $"{path}.tool_calls") : null,
            ToolCallId = role == "tool" ? DialectValues.Text(message, "tool_call_id", path) : null,
            Name = role == "tool" ? DialectValues.Text(message, "name", path) : null,
        };
    }

    /// <summary>Text, or a list of parts that are text.</summary>
    private static string ReadContent(JsonElement content, string path) => content.ValueKind == JsonValueKind.Array
        ? string.Concat(DialectValues.Objects(path, content).Select(part => ReadPart(part.Value, part.Path)))
        : DialectValues.Text(path, content);

    private static string ReadPart(JsonElement part, string path)
    {
        string? type = DialectValues.Text(part, "type", path);
        return type is "text" or "refusal"
            ? DialectValues.NeededText(part, type, path)
            : throw DialectValues.Invalid($"'{path}' has type '{type}'; only parts of type 'text' can be read.");
    }

    private static ToolCall[]? ReadCalls(JsonElement calls, string path)
    {
        ToolCall[] read = [.. DialectValues.Objects(path, calls).Select(call => ReadCall(call.Value, call.Path))];
        return read.Length == 0 ? null : read;
    }

    private static ToolCall ReadCall(JsonElement call, string path)
    {
        if (DialectValues.Member(call, "function") is not { ValueKind: JsonValueKind.Object } function)
            throw DialectValues.Invalid($"'{path}' must be an object with the member 'function'.");
        JsonElement arguments = DialectValues.Member(function, "arguments") is not { } given ? DialectValues.ArgumentsOf("")
            : given.ValueKind == JsonValueKind.Object ? given
            : DialectValues.ArgumentsOf(DialectValues.Text($"{path}.function.arguments", given));
        return new ToolCall(DialectValues.Text(call, "id", path) ?? "", DialectValues.NeededText(function, "name", $"{path}.function"), arguments);
    }
}
