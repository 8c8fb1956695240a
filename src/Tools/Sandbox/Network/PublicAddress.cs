using System.Net;
using System.Net.Sockets;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>Tells addresses of the open internet from those that mean something else: this machine, its neighbours, a cloud's services.</summary>
internal static class PublicAddress
{
    /// <summary>IPv4 blocks of IANA's registry of special-purpose addresses, multicast and reserved ones, and the service address of one cloud.</summary>
    private static readonly IPNetwork[] Special4 = Parse(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32");

    /// <summary>IPv6 addresses that are in use on the internet, all else being local or reserved.</summary>
    private static readonly IPNetwork Global6 = IPNetwork.Parse("2000::/3");

    /// <summary>Those among them that carry an IPv4 address or belong to nobody.</summary>
    private static readonly IPNetwork[] Special6 = Parse("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");

    public static bool Is(IPAddress address)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return plain.AddressFamily == AddressFamily.InterNetwork
            ? !Special4.Any(block => block.Contains(plain))
            : Global6.Contains(plain) && !Special6.Any(block => block.Contains(plain));
    }

    private static IPNetwork[] Parse(params string[] blocks) => [.. blocks.Select(block => IPNetwork.Parse(block))];
}
