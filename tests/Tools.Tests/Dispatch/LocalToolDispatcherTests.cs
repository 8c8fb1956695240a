using Microsoft.Extensions.DependencyInjection;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed class LocalToolDispatcherTests : ToolDispatcherContract
{
    protected override void Register(IServiceCollection services)
    {
    }
}
