using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Tests.Sandbox.Attacks;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

[Collection(TestBubblewrap.Name)]
public sealed class BubblewrapAttackTests : SandboxAttackContract
{
    protected override async Task<ISandboxRuntime> OpenAsync() => await TestBubblewrap.OpenAsync();
}
