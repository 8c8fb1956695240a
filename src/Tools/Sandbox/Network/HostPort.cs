using System.Globalization;
using System.Net;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>A target as an allow-list or a request names it.</summary>
/// <param name="Host">A name in lower case without a dot at its end, or the canonical text of an address.</param>
/// <param name="Address">The address where it is one, however it was spelt; IPv4 inside of IPv6 is IPv4.</param>
/// <param name="Port">1 to 65,535.</param>
internal readonly record struct HostPort(string Host, IPAddress? Address, int Port)
{
    private const int MaxNameLength = 253;

    /// <param name="text"><c>HOST:PORT</c>, with an IPv6 address in brackets.</param>
    /// <param name="defaultPort">The port where the text names none; null where it must.</param>
    /// <param name="target">What the text names.</param>
    public static bool TryParse(string text, int? defaultPort, out HostPort target)
    {
        target = default;
        int colon = text.LastIndexOf(':');
        bool hasPort = colon > text.LastIndexOf(']');
        string host = hasPort ? text[..colon] : text;
        int? port = hasPort ? ParsePort(text[(colon + 1)..]) : defaultPort;
        if (port is not { } number)
            return false;
        bool isBracketed = host is ['[', .., ']'];
        if (IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address) && isBracketed == host.Contains(':', StringComparison.Ordinal))
        {
            address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            target = new HostPort(address.ToString(), address, number);
            return true;
        }

        target = new HostPort(host.TrimEnd('.').ToLowerInvariant(), null, number);
        return IsName(target.Host);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");

    private static int? ParsePort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= ushort.MaxValue ? port : null;

    private static bool IsName(string text) =>
        text.Length is > 0 and <= MaxNameLength
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && text[0] is not '.'
        && !text.Contains("..", StringComparison.Ordinal);
}
