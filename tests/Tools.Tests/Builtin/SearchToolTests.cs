using System.Text.Json;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Search;
using Xunit;

namespace AgentRollout.Tools.Tests.Builtin;

public sealed class SearchToolTests
{
    private static readonly Passage[] Facts = [.. Enumerable.Range(1, 5).Select(i => new Passage($"{i}", "", $"Fact {i}\nof  five."))];

    [Fact]
    public async Task Writes_one_numbered_line_per_passage()
    {
        using LocalIndexSearch index = LocalIndexSearch.FromPassages(Facts);
        Assert.Equal("1. Fact 1 of  five.\n2. Fact 2 of  five.\n3. Fact 3 of  five.", await CallAsync(SearchTool.Create(index), """{"query": "five"}"""));
        Assert.Equal("1. Fact 4 of  five.", await CallAsync(SearchTool.Create(index, topK: 1), """{"query": "4"}"""));
        Assert.Equal("No results.", await CallAsync(SearchTool.Create(index), """{"query": "nothing"}"""));
    }

    [Fact]
    public void The_model_gives_a_query_and_nothing_else()
    {
        using LocalIndexSearch index = LocalIndexSearch.FromPassages(Facts);
        Assert.Equal(
            """{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}""",
            SearchTool.Create(index).Spec.Parameters.GetRawText());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(21)]
    public void A_count_out_of_range_is_refused(int topK)
    {
        using LocalIndexSearch index = LocalIndexSearch.FromPassages(Facts);
        Assert.Throws<ArgumentOutOfRangeException>(() => SearchTool.Create(index, topK));
    }

    private static Task<string> CallAsync(ITool tool, string arguments) =>
        tool.InvokeAsync(new ToolInvocation("c", "t", tool.Spec.Name, JsonElement.Parse(arguments)), default);
}
