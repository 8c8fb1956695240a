using System.ComponentModel.DataAnnotations;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>What sandboxes may reach over the network, by HTTP and HTTPS through a proxy of this process. They have no other network.</summary>
public sealed record NetworkOptions
{
    /// <summary>
    /// Each <c>HOST:PORT</c>, where <c>*.</c> before a name stands for every name below it. Private, loopback and link-local addresses are reached
    /// only where an entry names the address itself. Default none.
    /// </summary>
    public IReadOnlyList<string> Allow { get; set; } = [];

    /// <summary>Most bytes that one sandbox may move, both directions together, in MiB. Default 64.</summary>
    [Range(1, 1_048_576)]
    public int MaxMib { get; set; } = 64;

    /// <summary>Connections of one sandbox at once. Default 16.</summary>
    [Range(1, 1_024)]
    public int MaxConnections { get; set; } = 16;
}
