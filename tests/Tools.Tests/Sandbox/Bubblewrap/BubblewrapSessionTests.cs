using AgentRollout.Tools.Sandbox;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

[Collection(TestBubblewrap.Name)]
public sealed class BubblewrapSessionTests : SandboxSessionContract
{
    protected override async Task<ISandboxRuntime> OpenAsync() => await TestBubblewrap.OpenAsync();
}
