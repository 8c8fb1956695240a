using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Tests.Sandbox.Network;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

[Collection(TestBubblewrap.Name)]
public sealed class BubblewrapNetworkTests() : NetworkedSandboxContract(SandboxRuntimeKind.Bubblewrap)
{
    protected override async Task<ISandboxRuntime> OpenAsync() => await TestBubblewrap.OpenAsync();
}
