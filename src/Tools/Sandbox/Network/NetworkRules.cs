using System.ComponentModel.DataAnnotations;
using System.Net;

namespace AgentRollout.Tools.Sandbox.Network;

/// <summary>The allow-list, checked. Immutable.</summary>
internal sealed class NetworkRules
{
    private const string BelowName = "*.";

    private static readonly string[] Loopback = ["localhost", "127.0.0.1", "::1"];

    private readonly List<(HostPort Target, bool IsBelow)> _rules = [];

    /// <exception cref="SandboxException">An entry is malformed or a limit out of its range; the message names it.</exception>
    public NetworkRules(NetworkOptions options)
    {
        List<ValidationResult> wrong = [];
        if (!Validator.TryValidateObject(options, new ValidationContext(options), wrong, validateAllProperties: true))
            throw new SandboxException($"Network option refused: {wrong[0].ErrorMessage}");
        foreach (string entry in options.Allow)
        {
            bool isBelow = entry.StartsWith(BelowName, StringComparison.Ordinal);
            if (!HostPort.TryParse(isBelow ? entry[BelowName.Length..] : entry, defaultPort: null, out HostPort target) || (isBelow && target.Address is not null))
                throw new SandboxException($"Network entry '{entry}' is malformed; known forms: HOST:PORT, *.HOST:PORT, ADDRESS:PORT.");
            _rules.Add((target, isBelow));
        }

        Text = string.Join(", ", options.Allow);
    }

    public bool AreNone => _rules is [];

    /// <summary>The entries as people read them.</summary>
    public string Text { get; }

    /// <summary>Names of loopback that programs reach inside their sandbox and not through the proxy, separated by commas.</summary>
    public string Direct => string.Join(',', Loopback.Where(name => !_rules.Exists(rule => rule.Target.Host == name)));

    /// <summary>Whether an entry names the target: an address by itself, a name by itself or by one that it is below.</summary>
    public bool Name(HostPort target) => _rules.Exists(rule =>
        rule.Target.Port == target.Port
        && (target.Address is not null || rule.Target.Address is not null
            ? target.Address is not null && target.Address.Equals(rule.Target.Address)
            : rule.IsBelow ? target.Host.EndsWith("." + rule.Target.Host, StringComparison.Ordinal) : target.Host == rule.Target.Host));

    /// <summary>Whether a name that is allowed may lead to this address.</summary>
    public bool MayLeadTo(IPAddress address, int port) => PublicAddress.Is(address) || Name(new HostPort("", address, port));
}
