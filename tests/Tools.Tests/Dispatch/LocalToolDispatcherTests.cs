using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace AgentRollout.Tools.Tests.Dispatch;

public sealed class LocalToolDispatcherTests : ToolDispatcherContract
{
    protected override void Register(IServiceCollection services)
    {
    }

    [Fact]
    public async Task Options_out_of_range_are_refused_by_name()
    {
        await using ToolHost host = await ToolHost.StartAsync([], Register, options => options.MaxResultCharacters = 1);
        Assert.Contains("MaxResultCharacters", Assert.Throws<OptionsValidationException>(() => host.Dispatcher).Message);
    }
}
