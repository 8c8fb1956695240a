using System.Net;
using System.Text;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools.Search;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace AgentRollout.Tools.Tests.Search;

public sealed class HttpSearchTests : IDisposable
{
    private readonly HttpListener _server = new();
    private readonly HttpClient _client = new();
    private readonly Uri _endpoint;

    public HttpSearchTests()
    {
        int port = TestPorts.Free();
        _endpoint = new Uri($"http://127.0.0.1:{port}/retrieve");
        _server.Prefixes.Add($"http://127.0.0.1:{port}/");
        _server.Start();
    }

    public void Dispose()
    {
        _server.Close();
        _client.Dispose();
    }

    [Fact]
    public async Task Sends_the_query_and_reads_scored_documents()
    {
        Task<JsonElement> request = AnswerAsync(
            200, """{"result": [[{"document": {"id": "7", "contents": "\"Oslo\"\nOslo is a city.\nIt is old."}, "score": 0.75}]]}""");
        IReadOnlyList<SearchHit> hits = (await new HttpSearch(_client, _endpoint).SearchAsync("where is \"Oslo\"?", 2, default)).Hits;
        Assert.Equal([new SearchHit(new Passage("7", "Oslo", "Oslo is a city.\nIt is old."), 0.75)], hits);
        Assert.Equal(
            """{"queries":["where is \u0022Oslo\u0022?"],"topk":2,"return_scores":true}""", (await request).GetRawText());
    }

    [Fact]
    public async Task Reads_bare_documents_and_takes_no_more_than_asked_for()
    {
        _ = AnswerAsync(200, """{"result": [[{"id": 1, "contents": "one"}, {"contents": "two"}, {"contents": "three"}]]}""");
        IReadOnlyList<SearchHit> hits = (await new HttpSearch(_client, _endpoint).SearchAsync("x", 2, default)).Hits;
        Assert.Equal([new Passage("1", "", "one"), new Passage("", "", "two")], hits.Select(hit => hit.Passage));
    }

    [Theory]
    [InlineData(404, "none", "answered 404.")]
    [InlineData(200, "busy", "answered what is no list of documents: ")]
    [InlineData(200, """{"results": []}""", "answered what is no list of documents: ")]
    [InlineData(200, """{"result": []}""", "answered what is no list of documents: ")]
    [InlineData(200, """{"result": [[{"document": {"text": "x"}}]]}""", "answered what is no list of documents: ")]
    [InlineData(200, """{"result": [[{"contents": null}]]}""", "answered what is no list of documents: ")]
    [InlineData(200, """{"result": [["x"]]}""", "answered what is no list of documents: ")]
    public async Task A_server_that_answers_otherwise_is_named(int status, string body, string expected)
    {
        _ = AnswerAsync(status, body);
        var error = await Assert.ThrowsAsync<ToolException>(() => new HttpSearch(_client, _endpoint).SearchAsync("x", 2, default));
        Assert.StartsWith($"The search server {_endpoint} {expected}", error.Message);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_named()
    {
        _client.Timeout = TimeSpan.FromSeconds(0.2);
        var error = await Assert.ThrowsAsync<ToolException>(() => new HttpSearch(_client, _endpoint).SearchAsync("x", 2, default));
        Assert.Equal($"The search server {_endpoint} did not answer within 0.2 s.", error.Message);
    }

    [Fact]
    public async Task A_server_that_is_down_is_named_when_ten_attempts_failed()
    {
        _server.Stop();
        FakeTimeProvider time = new();
        Task<SearchResult> search = new HttpSearch(_client, _endpoint, time).SearchAsync("x", 2, default);
        await Until(search, time);
        var error = await Assert.ThrowsAsync<ToolException>(() => search);
        Assert.StartsWith($"The search server {_endpoint} cannot be reached at 10 attempts: ", error.Message);
        Assert.InRange(time.GetUtcNow() - time.Start, TimeSpan.FromSeconds(45), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task An_overloaded_server_is_asked_again()
    {
        FakeTimeProvider time = new();
        Task<SearchResult> search = new HttpSearch(_client, _endpoint, time).SearchAsync("x", 2, default);
        foreach (int status in new[] { 503, 500, 200 })
        {
            Task<JsonElement> answered = AnswerAsync(status, """{"result": [[{"id": "a", "contents": "one"}]]}""");
            await Until(answered, time);
        }

        Assert.Equal("one", Assert.Single((await search).Hits).Passage.Text);
    }

    [Fact]
    public async Task An_empty_query_is_refused()
    {
        var error = await Assert.ThrowsAsync<ToolException>(() => new HttpSearch(_client, _endpoint).SearchAsync(" ", 2, default));
        Assert.Equal("The query has no words to search for.", error.Message);
    }

    private static async Task Until(Task task, FakeTimeProvider time)
    {
        while (!task.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(0.25));
            await Task.Delay(1);
        }
    }

    /// <summary>Answers the next request and gives back its body.</summary>
    private async Task<JsonElement> AnswerAsync(int status, string body)
    {
        HttpListenerContext context = await _server.GetContextAsync();
        JsonElement request = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.InputStream);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
        context.Response.Close();
        return request;
    }
}
