using AgentRollout.Tools.Sandbox;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

[Collection(TestDocker.Name)]
public sealed class DockerSessionTests : SandboxSessionContract
{
    protected override async Task<ISandboxRuntime> OpenAsync() => await TestDocker.OpenAsync();
}
