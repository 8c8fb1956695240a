using System.Text;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>The head of an HTTP/1 request to a proxy.</summary>
/// <param name="Target">Where it goes.</param>
/// <param name="Head">What the target is sent in its place; empty for a tunnel, whose bytes are nobody's business.</param>
internal sealed record ProxyRequest(HostPort Target, byte[] Head)
{
    private const string Scheme = "http://";
    private const int HttpPort = 80;

    /// <summary>Headers that are between client and proxy, or that the proxy writes itself.</summary>
    private static readonly HashSet<string> OwnHeaders =
        new(["connection", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade"], StringComparer.OrdinalIgnoreCase);

    public bool IsTunnel => Head is [];

    /// <param name="head">Everything before the empty line.</param>
    /// <exception cref="ProxyRefusedException">It is no request that a proxy understands.</exception>
    public static ProxyRequest Parse(ReadOnlySpan<byte> head)
    {
        string[] lines = Encoding.Latin1.GetString(head).Split("\r\n");
        if (lines[0].Split(' ') is not [var method, var uri, "HTTP/1.1" or "HTTP/1.0"] || method is "" || !method.All(char.IsAsciiLetterUpper))
            throw Malformed("its first line must be METHOD TARGET HTTP/1.1");
        if (lines.Any(line => line.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0))
            throw Malformed("its lines must end with CR LF");
        if (method == "CONNECT")
            return new ProxyRequest(ParseTarget(uri, defaultPort: null), []);
        if (!uri.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            throw Malformed("its target must be an http:// address, or HOST:PORT of a CONNECT");
        string rest = uri[Scheme.Length..];
        int end = rest.AsSpan().IndexOfAny('/', '?', '#');
        string authority = end < 0 ? rest : rest[..end];
        string path = end < 0 ? "/" : rest[end] == '/' ? rest[end..] : "/" + rest[end..];
        HostPort target = ParseTarget(authority, HttpPort);
        StringBuilder text = new($"{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
        foreach (string line in lines.AsSpan(1))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || line.AsSpan(0, colon).ContainsAnyExceptInRange('!', '~'))
                throw Malformed("its headers must be NAME: VALUE");
            if (!OwnHeaders.Contains(line[..colon]))
                text.Append(line).Append("\r\n");
        }

        return new ProxyRequest(target, Encoding.Latin1.GetBytes(text.Append("\r\n").ToString()));
    }

    private static HostPort ParseTarget(string text, int? defaultPort) =>
        HostPort.TryParse(text, defaultPort, out HostPort target) ? target : throw Malformed("its target must be a host and a port from 1 to 65535");

    private static ProxyRefusedException Malformed(string rule) => new(400, $"The request to the proxy is malformed: {rule}.");
}
