using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Tests.Sandbox.Attacks;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

[Collection(TestDocker.Name)]
public sealed class DockerAttackTests : SandboxAttackContract
{
    protected override async Task<ISandboxRuntime> OpenAsync() => await TestDocker.OpenAsync();
}
