using System.Net;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Network;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Network;

public sealed class NetworkRulesTests
{
    private static readonly NetworkRules Rules = new(new NetworkOptions
    {
        Allow = ["Packages.Test:443", "*.example.org:80", "10.1.2.3:8000", "[fd00::1]:443", "127.0.0.1:9000"],
    });

    [Theory]
    [InlineData("packages.test:443", true)]
    [InlineData("PACKAGES.TEST.:443", true)]
    [InlineData("packages.test:80", false)]
    [InlineData("evilpackages.test:443", false)]
    [InlineData("a.packages.test:443", false)]
    [InlineData("packages.test.evil.net:443", false)]
    [InlineData("a.example.org:80", true)]
    [InlineData("a.b.example.org:80", true)]
    [InlineData("example.org:80", false)]
    [InlineData("evilexample.org:80", false)]
    [InlineData("10.1.2.3:8000", true)]
    [InlineData("167838211:8000", true)]
    [InlineData("[::ffff:10.1.2.3]:8000", true)]
    [InlineData("10.1.2.3:80", false)]
    [InlineData("10.1.2.4:8000", false)]
    [InlineData("[fd00:0::0001]:443", true)]
    [InlineData("[fd00::2]:443", false)]
    public void A_target_is_named_by_its_name_and_port_or_by_its_very_address(string target, bool isNamed)
    {
        Assert.True(HostPort.TryParse(target, null, out HostPort parsed));
        Assert.Equal(isNamed, Rules.Name(parsed));
    }

    [Theory]
    [InlineData("1.1.1.1", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("10.1.2.4", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.100.100.200", false)]
    [InlineData("168.63.129.16", false)]
    [InlineData("172.31.0.1", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("fd00:ec2::254", false)]
    [InlineData("fe80::1", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    public void An_allowed_name_leads_to_public_addresses_and_listed_ones_only(string address, bool isAllowed) =>
        Assert.Equal(isAllowed, Rules.MayLeadTo(IPAddress.Parse(address), 8000));

    [Theory]
    [InlineData("packages.test")]
    [InlineData("packages.test:0")]
    [InlineData("packages.test:65536")]
    [InlineData("packages.test:*")]
    [InlineData("*:443")]
    [InlineData("*.10.0.0.1:443")]
    [InlineData("::1:443")]
    [InlineData("https://packages.test:443")]
    [InlineData("a..b:443")]
    [InlineData("")]
    public void A_malformed_entry_is_refused_by_name(string entry) => Assert.Equal(
        $"Network entry '{entry}' is malformed; known forms: HOST:PORT, *.HOST:PORT, ADDRESS:PORT.",
        Assert.Throws<SandboxException>(() => new NetworkRules(new NetworkOptions { Allow = [entry] })).Message);

    [Fact]
    public void Loopback_is_reached_directly_unless_it_is_listed() => Assert.Equal("localhost,::1", Rules.Direct);

    [Fact]
    public async Task An_engine_over_TCP_refuses_the_setting()
    {
        SandboxRuntimeOptions options = new() { Runtime = SandboxRuntimeKind.Docker, DockerHost = "tcp://localhost:1", Network = new NetworkOptions { Allow = ["packages.test:443"] } };
        SandboxException error = await Assert.ThrowsAsync<SandboxException>(() => SandboxRuntimes.OpenAsync(
            options, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, default));
        Assert.Contains("Docker at 'tcp://localhost:1' is reached over TCP, and a network allow-list needs an engine of this machine at unix:///PATH.", error.Message, StringComparison.Ordinal);
    }
}
