namespace AgentRollout.Tools.Http;

/// <summary>The address of a tool's server as a setting gives it.</summary>
internal static class HttpAddress
{
    /// <exception cref="ToolException">It is no http or https address, or holds what does not belong into one.</exception>
    public static Uri Parse(string key, string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https"))
            throw new ToolException($"'{key}' is '{text}'; it must be an http or https address.");
        return url.UserInfo.Length > 0 || url.Fragment.Length > 0
            ? throw new ToolException($"'{key}' has a user, password or fragment; secrets belong into headers, and a fragment is never sent.")
            : url;
    }
}
