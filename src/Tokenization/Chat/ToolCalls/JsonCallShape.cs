namespace AgentRollout.Tokenization.Chat.ToolCalls;

/// <summary>How a format names the members of a call's JSON object.</summary>
/// <param name="NameMember">The member that holds the function's name.</param>
/// <param name="ArgumentMembers">The members that may hold the arguments; the first is what the model is told.</param>
internal sealed record JsonCallShape(string NameMember, IReadOnlyList<string> ArgumentMembers)
{
    public static JsonCallShape Arguments { get; } = new("name", ["arguments"]);

    public static JsonCallShape Parameters { get; } = new("name", ["parameters", "arguments"]);

    public static JsonCallShape Either { get; } = new("name", ["arguments", "parameters"]);

    public static JsonCallShape ToolName { get; } = new("tool_name", ["parameters"]);
}
