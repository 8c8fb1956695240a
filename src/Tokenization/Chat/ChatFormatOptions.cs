using AgentRollout.Tokenization.Chat.ToolCalls;

namespace AgentRollout.Tokenization.Chat;

/// <summary>What a user chooses about a model's chat format; everything else is found out from its template.</summary>
public sealed record ChatFormatOptions
{
    /// <summary>How the text of messages and tools becomes tokens. Default: as text.</summary>
    public ContentEncoding ContentEncoding { get; init; }

    /// <summary>The name of the tool-call parser; null for the one that reads what the template writes.</summary>
    public string? ToolCallParser { get; init; }

    /// <summary>Forms of tool calls beside the built-in ones, tried after them.</summary>
    public IReadOnlyList<ToolCallFormat> ToolCallFormats { get; init; } = [];
}
