using System.Text.Json;
using AgentRollout.Tools.Builtin;
using Xunit;

namespace AgentRollout.Tools.Tests;

public sealed class ToolCatalogTests
{
    [Fact]
    public void Keeps_the_order_of_registration_and_finds_by_name()
    {
        var catalog = new ToolCatalog([new Named("zeta"), CalculatorTool.Create(), new Named("Alpha-1")]);
        Assert.Equal(["zeta", "calculator", "Alpha-1"], catalog.Specs.Select(spec => spec.Name));
        Assert.Equal("zeta", catalog.Get("zeta").Spec.Name);
        Assert.Equal("Tool 'Zeta' is unknown; known tools: Alpha-1, calculator, zeta.", Assert.Throws<ToolException>(() => catalog.Get("Zeta")).Message);
        Assert.Equal("Tool 'x' is unknown; known tools: none.", Assert.Throws<ToolException>(() => new ToolCatalog([]).Get("x")).Message);
    }

    [Fact]
    public void A_name_taken_twice_names_both() =>
        Assert.Equal(
            "Tool 'calculator' is registered twice: by AgentRollout.Tools.Builtin.CalculatorTool.Evaluate and by AgentRollout.Tools.Tests.ToolCatalogTests+Named.",
            Assert.Throws<ToolException>(() => new ToolCatalog([CalculatorTool.Create(), new Named("calculator")])).Message);

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a.b")]
    [InlineData("naïve")]
    [InlineData("a\n")]
    public void A_malformed_name_is_refused(string name) =>
        Assert.Equal(
            $"Tool name '{name}' is malformed; a name has 1 to 64 letters, digits, underscores and dashes.",
            Assert.Throws<ToolException>(() => new ToolCatalog([new Named(name)])).Message);

    [Fact]
    public void A_schema_that_cannot_be_enforced_is_refused_by_the_name_of_its_tool() =>
        Assert.StartsWith(
            "Tool 'x': schema keyword 'if' is not supported;",
            Assert.Throws<ToolException>(() => new ToolCatalog([new Named("x", """{"if": {}}""")])).Message);

    private sealed class Named(string name, string schema = """{"type": "object"}""") : ITool
    {
        public ToolSpec Spec { get; } = new(name, "A tool.", JsonElement.Parse(schema));

        public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => Task.FromResult("");
    }
}
