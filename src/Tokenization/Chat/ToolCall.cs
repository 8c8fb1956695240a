using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentRollout.Tokenization.Chat;

/// <summary>A well-formed tool call inside an assistant message.</summary>
/// <param name="Id">Unique within the trajectory.</param>
/// <param name="Name">The function's name.</param>
/// <param name="Arguments">A JSON object; numbers keep the spelling the model gave them.</param>
public sealed record ToolCall(
    string Id,
    [property: JsonIgnore] string Name,
    [property: JsonIgnore] JsonElement Arguments)
{
    /// <summary>Always <c>function</c>, the one kind that templates know.</summary>
    public string Type { get; } = "function";

    /// <summary>Name and arguments in the nesting that OpenAI's format and chat templates expect.</summary>
    public FunctionCall Function => new(Name, Arguments);
}

/// <summary>The inner object of a tool call.</summary>
public sealed record FunctionCall(string Name, JsonElement Arguments);
