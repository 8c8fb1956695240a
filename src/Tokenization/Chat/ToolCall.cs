using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Tokenization.Chat;

/// <summary>A well-formed tool call inside an assistant message, in the nesting that OpenAI's format and chat templates expect.</summary>
/// <param name="Id">Unique within the trajectory.</param>
/// <param name="Function">Name and arguments.</param>
[method: JsonConstructor]
public sealed record ToolCall(string Id, FunctionCall Function)
{
    public ToolCall(string id, string name, JsonElement arguments)
        : this(id, new FunctionCall(name, arguments))
    {
    }

    /// <summary>Always <c>function</c>, the one kind that templates know.</summary>
    public string Type { get; } = "function";

    [JsonIgnore]
    public string Name => Function.Name;

    [JsonIgnore]
    public JsonElement Arguments => Function.Arguments;
}

/// <summary>The inner object of a tool call.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Arguments">A JSON object; numbers keep the spelling the model gave them.</param>
public sealed record FunctionCall(string Name, JsonElement Arguments);
