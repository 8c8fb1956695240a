using ModelContextProtocol.Protocol;

namespace AgentRollout.Tools.Mcp;

/// <summary>Writes the answer of an MCP server as the text that the model reads.</summary>
internal static class McpResultText
{
    /// <summary>Parts in their order, one below the other. Structured content is written where there are no parts, since servers repeat it as text.</summary>
    public static string Write(CallToolResult result) => result.Content.Count == 0 && result.StructuredContent is { } structured
        ? structured.GetRawText()
        : string.Join('\n', result.Content.Select(Write));

    /// <summary>What is no text is named, not written: a model cannot read it in Base64.</summary>
    private static string Write(ContentBlock part) => part switch
    {
        TextContentBlock text => text.Text,
        ImageContentBlock image => $"[image, {image.MimeType}]",
        AudioContentBlock audio => $"[audio, {audio.MimeType}]",
        ResourceLinkBlock link => $"[resource {link.Uri}]",
        EmbeddedResourceBlock { Resource: TextResourceContents text } => text.Text,
        EmbeddedResourceBlock { Resource: var resource } => $"[resource {resource.Uri}, {resource.MimeType ?? "of unknown type"}]",
        _ => $"[{part.Type}]",
    };
}
