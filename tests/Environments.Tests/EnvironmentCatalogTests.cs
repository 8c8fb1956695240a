using AgentRollout.Tools;
using Xunit;

namespace AgentRollout.Environments.Tests;

public sealed class EnvironmentCatalogTests
{
    private static readonly ToolCatalog Tools = new([TestTool.Echo]);

    [Fact]
    public void An_unknown_environment_is_refused_with_the_known_ones()
    {
        EnvironmentCatalog catalog = new([TestEnvironment.Expecting("6", "echo")], Tools);

        Assert.Equal("test", catalog.Get("test").Name);
        Assert.Equal(
            "Environment 'chess' is unknown; known environments: test.", Assert.Throws<KeyNotFoundException>(() => catalog.Get("chess")).Message);
    }

    [Fact]
    public void An_environment_that_offers_an_unknown_tool_is_refused_at_start()
    {
        EnvironmentException exception = Assert.Throws<EnvironmentException>(
            () => new EnvironmentCatalog([TestEnvironment.Expecting("6", "echo", "shell")], Tools));

        Assert.Equal("Environment 'test' of built-in environments offers tool 'shell', which is unknown; known tools: echo.", exception.Message);
    }

    [Fact]
    public void Two_environments_of_one_name_are_refused_with_both_owners() =>
        Assert.Equal(
            "Environment 'test' is registered twice: by built-in environments and by plugin 'p'.",
            Assert.Throws<EnvironmentException>(
                () => new EnvironmentCatalog([TestEnvironment.Expecting("6"), TestEnvironment.Expecting("7") with { Owner = "plugin 'p'" }], Tools)).Message);
}
