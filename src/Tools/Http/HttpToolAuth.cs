using System.Collections.Frozen;
using System.Net.Http.Headers;

namespace AgentRollout.Tools.Http;

/// <summary>A header that proves to a tool's server who calls.</summary>
public sealed record HttpToolAuth
{
    private const string Authorization = "Authorization";

    private static readonly FrozenSet<string> Reserved = FrozenSet.ToFrozenSet(
        ["Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "TE", "Trailer"], StringComparer.OrdinalIgnoreCase);

    /// <summary>Where the secret is: <c>env:NAME</c> or <c>file:PATH</c>. It is read at every call, so that it may change.</summary>
    public required string Secret { get; set; }

    /// <summary>Default <c>Authorization</c>.</summary>
    public string Header { get; set; } = Authorization;

    /// <summary>The word before the secret; default <c>Bearer</c> in <c>Authorization</c>, nothing in other headers.</summary>
    public string? Scheme { get; set; }

    /// <summary>Says what is wrong with the header, or null.</summary>
    internal string? FindProblem() => !MayBeSet(Header)
        ? $"'auth.header' is '{Header}', which cannot be the name of a header with a secret."
        : Scheme is { } scheme && scheme.AsSpan().ContainsAnyInRange('\0', '\u001f') ? "'auth.scheme' has a control character." : null;

    /// <summary>Whether a setting may give a header of this name: it is well-formed and none of those that the protocol itself needs.</summary>
    internal static bool MayBeSet(string header)
    {
        using var probe = new HttpRequestMessage();
        return !Reserved.Contains(header) && probe.Headers.TryAddWithoutValidation(header, "x");
    }

    internal void AddTo(HttpRequestHeaders headers)
    {
        string scheme = Scheme ?? (Header.Equals(Authorization, StringComparison.OrdinalIgnoreCase) ? "Bearer" : "");
        string secret = ToolSecret.Parse(Secret).Read();
        headers.TryAddWithoutValidation(Header, scheme.Length == 0 ? secret : $"{scheme} {secret}");
    }
}
