using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Gateway.Tests.Commands;
using AgentRollout.Tools;
using AgentRollout.Tools.Search;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

/// <summary>The server's search in Search-R1's protocol, asked by the client that speaks it and by hand.</summary>
public sealed class RetrieveEndpointTests
{
    [Fact]
    public async Task Our_own_client_of_the_protocol_finds_what_the_index_finds()
    {
        using LocalIndexSearch index = LookupFacts.OpenIndex();
        await using TestGateway gateway = await TestGateway.StartAsync(configure: services => services.AddSingleton<ISearchProvider>(index));
        HttpSearch client = new(gateway.Client, new Uri(gateway.Client.BaseAddress!, "/retrieve"));
        foreach (LookupFact fact in LookupFacts.All.Take(20))
        {
            SearchResult expected = await index.SearchAsync(fact.Question, 3, default);
            Assert.Equal(expected.Hits, (await client.SearchAsync(fact.Question, 3, default)).Hits);
        }
    }

    [Fact]
    public async Task Every_query_has_its_list_and_bare_documents_are_the_default()
    {
        using LocalIndexSearch index = LocalIndexSearch.FromPassages([new Passage("7", "Oslo", "A city."), new Passage("8", "", "A river.")]);
        await using TestGateway gateway = await TestGateway.StartAsync(configure: services => services.AddSingleton<ISearchProvider>(index));
        HttpResponseMessage response = await gateway.Client.PostAsJsonAsync("/retrieve", new { queries = new[] { "oslo", "?!", "river city" }, more = 1 }, TestContext.Current.CancellationToken);
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.Equal("""[[{"id":"7","contents":"\u0022Oslo\u0022\nA city."}],[],[{"id":"7","contents":"\u0022Oslo\u0022\nA city."},{"id":"8","contents":"A river."}]]""",
            JsonSerializer.Serialize(answer.GetProperty("result").EnumerateArray().Select(list => list.EnumerateArray().OrderBy(item => item.GetProperty("id").GetString()))));
    }

    [Theory]
    [InlineData("""{"queries": ["x"], "topk": 0}""", "'topk' is 0; it must be 1 to 1000.")]
    [InlineData("""{"queries": ["x", null]}""", "'queries' must be a list of at most 4096 texts.")]
    [InlineData("""{"topk": 3}""", "'queries' must be a list of at most 4096 texts.")]
    public async Task A_bad_request_is_told_what_is_allowed(string body, string expected)
    {
        using LocalIndexSearch index = LocalIndexSearch.FromPassages([]);
        await using TestGateway gateway = await TestGateway.StartAsync(configure: services => services.AddSingleton<ISearchProvider>(index));
        HttpResponseMessage response = await gateway.Client.PostAsync(
            "/retrieve", new StringContent(body, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(expected, JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_search_that_fails_is_answered_with_its_sentence()
    {
        await using TestGateway gateway = await TestGateway.StartAsync(configure: services => services.AddSingleton<ISearchProvider>(new BrokenSearch()));
        HttpResponseMessage response = await gateway.Client.PostAsJsonAsync("/retrieve", new { queries = new[] { "oslo" } }, TestContext.Current.CancellationToken);
        JsonElement problem = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Equal(("tool_failed", "The search server is down."), (problem.GetProperty("code").GetString(), problem.GetProperty("detail").GetString()));
    }

    [Fact]
    public async Task The_index_command_makes_what_the_server_opens()
    {
        string folder = Directory.CreateTempSubdirectory("index").FullName;
        string corpus = Path.Combine(folder, "corpus.jsonl");
        await File.WriteAllTextAsync(corpus, """{"id": "7", "title": "Oslo", "text": "A city."}""", TestContext.Current.CancellationToken);
        string index = Path.Combine(folder, "corpus.index");
        CommandResult made = await CommandLineRunner.RunAsync("index", "--corpus", corpus, "--out", index);
        Assert.Equal(0, made.ExitCode);
        Assert.Contains("1 passages", made.Output, StringComparison.Ordinal);
        using (LocalIndexSearch search = LocalIndexSearch.FromIndex(index))
            Assert.Equal("7", Assert.Single((await search.SearchAsync("oslo", 3, default)).Hits).Passage.Id);
        CommandResult missing = await CommandLineRunner.RunAsync("index", "--corpus", corpus + "x", "--out", index);
        Assert.Equal((2, $"Corpus '{corpus}x' does not exist."), (missing.ExitCode, missing.Error.Trim()));
        Directory.Delete(folder, recursive: true);
    }

    private sealed class BrokenSearch : ISearchProvider
    {
        public Task<SearchResult> SearchAsync(string query, int limit, CancellationToken cancellationToken) => throw new ToolException("The search server is down.");
    }
}
