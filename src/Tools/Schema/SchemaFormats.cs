using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AgentRollout.Tools.Schema;

/// <summary>
/// The values of <c>format</c> that are checked, each no stricter than the libraries that write them; any other is an annotation, as the
/// standard has it.
/// </summary>
internal static class SchemaFormats
{
    /// <summary>Null where the text has the form, or the form is not one that is checked.</summary>
    public static string? FindError(string format, string text) => format switch
    {
        "date" when !DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) =>
            "must be a date such as 2025-12-31",
        "date-time" when !IsDateTime(text) => "must be a date and time such as 2025-12-31T23:59:59Z",
        "email" when !IsEmail(text) => "must be an e-mail address",
        "uri" or "url" when !IsUri(text) => "must be an absolute URI such as https://example.org/page",
        "uuid" when !Guid.TryParse(text, out _) => "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000",
        "ipv4" when !IsAddress(text, AddressFamily.InterNetwork) => "must be an IPv4 address such as 192.0.2.1",
        "ipv6" when !IsAddress(text, AddressFamily.InterNetworkV6) => "must be an IPv6 address such as 2001:db8::1",
        _ => null,
    };

    private static bool IsDateTime(string text) =>
        text.Length > "yyyy-MM-dd".Length && text[4] == '-' && text[7] == '-'
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _);

    /// <summary>A rooted path of Unix passes for a file's URI to the framework.</summary>
    private static bool IsUri(string text) => text.Contains(':', StringComparison.Ordinal) && Uri.TryCreate(text, UriKind.Absolute, out _);

    private static bool IsEmail(string text)
    {
        int at = text.LastIndexOf('@');
        return at > 0 && at < text.Length - 1 && !text.Any(char.IsWhiteSpace);
    }

    private static bool IsAddress(string text, AddressFamily family) =>
        IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == family
        && (family != AddressFamily.InterNetwork || text.Count(character => character == '.') == 3);
}
