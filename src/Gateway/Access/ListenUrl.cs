using System.Net;
using AgentRollout.Gateway.Errors;

namespace AgentRollout.Gateway.Access;

/// <summary>An address that the server listens on.</summary>
/// <param name="Host">Host name or IP address; IPv6 in brackets.</param>
/// <param name="Port">TCP port; 0 for a free one.</param>
/// <param name="IsLoopback">True where only programs on this machine reach it.</param>
/// <param name="IsWildcard">True where it stands for every address of the machine.</param>
internal sealed record ListenUrl(string Host, int Port, bool IsLoopback, bool IsWildcard)
{
    /// <exception cref="InvalidInputException">The text is not an http URL of scheme, host and port.</exception>
    public static ListenUrl Parse(string url)
    {
        BindingAddress address;
        try
        {
            address = BindingAddress.Parse(url);
        }
        catch (FormatException exception)
        {
            throw Bad(url, exception.Message);
        }

        if (address.Scheme != "http")
            throw Bad(url, "only http is served; put a reverse proxy in front for https");
        if (address.IsUnixPipe || address.IsNamedPipe || address.PathBase is not "")
            throw Bad(url, "it must be of the form http://HOST:PORT");

        bool isAddress = IPAddress.TryParse(address.Host, out IPAddress? ip);
        bool isLocalName = string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase);
        return isAddress
            ? new ListenUrl(address.Host, address.Port, IPAddress.IsLoopback(ip!), ip!.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any))
            // Kestrel binds every address for a name that is not 'localhost'.
            : new ListenUrl(address.Host, address.Port, isLocalName, !isLocalName && address.Host is "*" or "+");
    }

    private static InvalidInputException Bad(string url, string reason) => new(ProblemCodes.InvalidValue, $"URL '{url}' cannot be listened on: {reason}.");
}
