using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Tests.Sandbox.Network;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

[Collection(TestDocker.Name)]
public sealed class DockerNetworkTests() : NetworkedSandboxContract(SandboxRuntimeKind.Docker)
{
    protected override async Task<ISandboxRuntime> OpenAsync() => await TestDocker.OpenAsync();
}
