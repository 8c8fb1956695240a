namespace AgentRollout.Tools.Verl;

/// <summary>The address of a tool's server as a setting gives it.</summary>
internal static class HttpAddress
{
    /// <exception cref="ToolException">It is no http or https address.</exception>
    public static Uri Parse(string key, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme is ("http" or "https")
            ? url
            : throw new ToolException($"'{key}' is '{text}'; it must be an http or https address.");
}
