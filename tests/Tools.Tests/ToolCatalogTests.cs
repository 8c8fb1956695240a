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
        Assert.Equal(["zeta", "calculator", "Alpha-1"], NamesOf(catalog));
        Assert.Equal("zeta", catalog.Current.Get("zeta").Tool.Spec.Name);
        Assert.Equal("Tool 'Zeta' is unknown; known tools: Alpha-1, calculator, zeta.", Assert.Throws<ToolException>(() => catalog.Current.Get("Zeta")).Message);
        Assert.Equal("Tool 'x' is unknown; known tools: none.", Assert.Throws<ToolException>(() => new ToolCatalog([]).Current.Get("x")).Message);
    }

    [Fact]
    public void A_name_taken_twice_names_both() =>
        Assert.Equal(
            "Tool 'calculator' is registered twice by built-in tools: as AgentRollout.Tools.Builtin.CalculatorTool.Evaluate and as AgentRollout.Tools.Tests.ToolCatalogTests+Named.",
            Assert.Throws<ToolException>(() => new ToolCatalog([CalculatorTool.Create(), new Named("calculator")])).Message);

    [Fact]
    public void A_group_is_added_replaced_in_its_place_and_removed_as_a_whole()
    {
        var catalog = new ToolCatalog([new Named("own")], new ToolSource("plugin 'p'", [new Named("p1"), new Named("p2")]));
        catalog.Set("server 's'", [new Named("s1")]);
        catalog.Set("plugin 'p'", [new Named("p3")]);

        Assert.Equal(["own", "p3", "s1"], NamesOf(catalog));
        Assert.Equal(["built-in tools", "plugin 'p'", "server 's'"], catalog.Current.All.Select(tool => tool.Owner));
        Assert.True(catalog.Remove("plugin 'p'"));
        Assert.False(catalog.Remove("plugin 'p'"));
        Assert.Equal(["own", "s1"], NamesOf(catalog));
    }

    [Fact]
    public void A_name_that_another_owner_has_is_refused_with_both_owners_and_nothing_changes()
    {
        var catalog = new ToolCatalog([new Named("own")], new ToolSource("plugin 'p'", [new Named("p1")]));

        Assert.Equal(
            "Tool 'p1' is registered twice: by plugin 'p' and by server 's'.",
            Assert.Throws<ToolException>(() => catalog.Set("server 's'", [new Named("s1"), new Named("p1")])).Message);
        Assert.Equal(
            "Tool 'own' is registered twice: by built-in tools and by plugin 'p'.",
            Assert.Throws<ToolException>(() => catalog.Set("plugin 'p'", [new Named("own")])).Message);
        Assert.Equal(
            "The tools of plugin 'p' are registered already.", Assert.Throws<ToolException>(() => catalog.Add("plugin 'p'", [new Named("p2")])).Message);
        Assert.Equal(["own", "p1"], NamesOf(catalog));
    }

    [Fact]
    public void A_pinned_trajectory_keeps_its_tools_until_it_ends()
    {
        var catalog = new ToolCatalog([new Named("a")]);
        using (PinnedTools pinned = catalog.Pin("t"))
        {
            catalog.Set(ToolCatalog.BuiltIn, [new Named("b")]);
            Assert.Same(pinned.Tools, catalog.Of("t"));
            Assert.True(catalog.Of("t").TryGet("a", out _));
            Assert.True(catalog.Of("another").TryGet("b", out _));
        }

        Assert.Same(catalog.Current, catalog.Of("t"));
    }

    /// <summary>Every version of a group has two tools of its own; whoever looks must see both or neither, and a pinned trajectory always the same.</summary>
    [Fact]
    public async Task Whatever_changes_at_once_every_trajectory_sees_whole_groups_and_the_same_ones_throughout()
    {
        var catalog = new ToolCatalog([new Named("own")]);
        using var stop = new CancellationTokenSource();
        Task<int>[] changing = [.. Enumerable.Range(0, 3).Select(group => Task.Run(async () =>
        {
            var random = new Random(group);
            int version = 0;
            for (; version <= 10 || !stop.IsCancellationRequested; version++)
            {
                if (random.Next(4) == 0)
                    catalog.Remove($"g{group}");
                else
                    catalog.Set($"g{group}", [new Named($"g{group}-{version}-a"), new Named($"g{group}-{version}-b")]);
                await Task.Yield();
            }

            return version;
        }))];
        await Task.WhenAll(Enumerable.Range(0, 3).Select(player => Task.Run(async () =>
        {
            for (int played = 0; played < 300; played++)
            {
                string trajectory = $"t{player}-{played}";
                using PinnedTools pinned = catalog.Pin(trajectory);
                string[] names = [.. pinned.Tools.All.Select(tool => tool.Tool.Spec.Name)];
                Assert.Equal("own", names[0]);
                Assert.All(names.Skip(1), name => Assert.Contains(name[..^1] + (name[^1] == 'a' ? 'b' : 'a'), names));
                await Task.Yield();
                Assert.Equal(names, catalog.Of(trajectory).All.Select(tool => tool.Tool.Spec.Name));
                Assert.All(names, name => Assert.True(catalog.Of(trajectory).TryGet(name, out _)));
            }
        })));
        await stop.CancelAsync();

        Assert.All(await Task.WhenAll(changing), versions => Assert.True(versions > 10, $"only {versions} changes were made"));
    }

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

    private static IEnumerable<string> NamesOf(ToolCatalog catalog) => catalog.Current.All.Select(tool => tool.Tool.Spec.Name);

    private sealed class Named(string name, string schema = """{"type": "object"}""") : ITool
    {
        public ToolSpec Spec { get; } = new(name, "A tool.", JsonElement.Parse(schema));

        public Task<string> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => Task.FromResult("");
    }
}
