using System.Diagnostics;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools.Http;
using Xunit;

namespace AgentRollout.Tools.Tests.Http;

public sealed class HttpToolTests : IDisposable
{
    private const string Schema = """
        {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "units": {"type": "array"}}, "required": ["city"]}
        """;

    private readonly HttpToolClient _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Arguments_go_out_as_a_JSON_body_with_the_secret_and_the_part_of_the_pointer_comes_back()
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(200, """{"result": {"text": "sunny\n21 °C"}}"""));
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "s3cret\n");
        HttpTool tool = new(
            Tool(server.Url + "/weather") with { ResultPointer = "/result/text", Auth = new HttpToolAuth { Secret = $"file:{file}" } }, _client);

        Assert.Equal("sunny\n21 °C", await CallAsync(tool, """{"city": "Málaga", "days": 2}"""));

        TestHttpRequest request = Assert.Single(server.Requests);
        Assert.Equal(("POST", "/weather"), (request.Method, request.PathAndQuery));
        Assert.Equal("""{"city": "Málaga", "days": 2}""", request.Body);
        Assert.Equal(("Bearer s3cret", "call-1", "trajectory-1"), (request.Headers["Authorization"], request.Headers["Idempotency-Key"], request.Headers["X-Trajectory-Id"]));
        Assert.Equal("application/json", request.Headers["Content-Type"]);
        File.Delete(file);
    }

    [Fact]
    public async Task Arguments_go_into_path_and_query_escaped_and_once()
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(200, """["whole", "body"]"""));
        HttpTool tool = new(Tool(server.Url + "/v1/{city}?lang=en") with { Method = HttpToolMethod.Get }, _client);

        Assert.Equal("""["whole", "body"]""", await CallAsync(tool, """{"city": "a/b ?&", "days": 2, "units": ["C", "K&R"]}"""));

        Assert.Equal(("GET", "/v1/a%2Fb%20%3F%26?lang=en&days=2&units=C&units=K%26R"), Sent(server));
        foreach (string city in new[] { "", ".", ".." })
        {
            ToolException error = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool, JsonSerializer.Serialize(new { city })));
            Assert.Equal($"Argument 'city' cannot be '{city}'.", error.Message);
        }
    }

    [Theory]
    [InlineData(HttpToolMethod.Get, null, 3, "sunny")]
    [InlineData(HttpToolMethod.Put, 2, 2, null)]
    [InlineData(HttpToolMethod.Post, null, 1, null)]
    [InlineData(HttpToolMethod.Post, 3, 3, "sunny")]
    public async Task Only_calls_that_may_be_repeated_are(HttpToolMethod method, int? maxAttempts, int requests, string? answer)
    {
        int count = 0;
        using var server = new TestHttpServer(_ => Interlocked.Increment(ref count) < 3 ? new TestHttpAnswer(503, "busy") : new TestHttpAnswer(200, "sunny"));
        HttpTool tool = new(Tool(server.Url) with { Method = method, MaxAttempts = maxAttempts }, _client);

        if (answer is not null)
        {
            Assert.Equal(answer, await CallAsync(tool));
        }
        else
        {
            ToolException error = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool));
            Assert.Equal($"The server {server.Url} of tool 'weather' answered 503{(requests == 1 ? "" : $" at {requests} attempts")}: busy", error.Message);
        }

        Assert.Equal(requests, server.Requests.Count);
        Assert.Single(server.Requests.Select(request => request.Headers["Idempotency-Key"]).Distinct());
    }

    [Fact]
    public async Task Ids_that_a_model_made_up_cannot_break_a_header()
    {
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, request.Headers["Idempotency-Key"]!));
        HttpTool tool = new(Tool(server.Url), _client);
        ToolInvocation invocation = new("t/ä\r\nX-Evil: 1", "t", "weather", JsonElement.Parse("""{"city": "Oslo"}"""));
        Assert.Equal("t%2F%C3%A4%0D%0AX-Evil%3A%201", await tool.InvokeAsync(invocation, default));
    }

    [Fact]
    public async Task An_error_that_repeating_does_not_mend_is_told_once()
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(404, "No city of this name."));
        HttpTool tool = new(Tool(server.Url) with { Method = HttpToolMethod.Get }, _client);
        ToolException error = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool));
        Assert.Equal($"The server {server.Url} of tool 'weather' answered 404: No city of this name.", error.Message);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named_without_path_and_query()
    {
        HttpTool tool = new(Tool("http://127.0.0.1:1/private?key=1") with { MaxAttempts = 2 }, _client);
        ToolException error = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool));
        Assert.StartsWith("The server http://127.0.0.1:1 of tool 'weather' cannot be reached at 2 attempts: ", error.Message, StringComparison.Ordinal);
        Assert.Equal("POST http://127.0.0.1:1", tool.ToString());
    }

    [Fact]
    public async Task A_call_ends_at_its_time_out_attempts_and_pauses_included()
    {
        using var slow = new TestHttpServer(_ => new TestHttpAnswer(200, "late") { Delay = TimeSpan.FromSeconds(20) });
        using var busy = new TestHttpServer(_ => new TestHttpAnswer(503, "") { Headers = new Dictionary<string, string> { ["Retry-After"] = "20" } });
        foreach (TestHttpServer server in new[] { slow, busy })
        {
            HttpTool tool = new(Tool(server.Url) with { TimeoutSeconds = 0.5, MaxAttempts = 3 }, _client);
            long started = Stopwatch.GetTimestamp();
            ToolException error = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool));
            Assert.Equal($"The server {server.Url} of tool 'weather' did not answer within 0.5 s.", error.Message);
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0.4, 10);
        }
    }

    [Fact]
    public async Task A_cancelled_call_is_cancelled_and_not_timed_out()
    {
        using var slow = new TestHttpServer(_ => new TestHttpAnswer(200, "late") { Delay = TimeSpan.FromSeconds(20) });
        using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(0.2));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CallAsync(new HttpTool(Tool(slow.Url), _client), cancellationToken: cancel.Token));
    }

    [Fact]
    public async Task An_answer_larger_than_allowed_is_refused_and_one_of_that_size_is_not()
    {
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, new string('x', request.PathAndQuery == "/more" ? 1_001 : 1_000)));
        Assert.Equal(1_000, (await CallAsync(new HttpTool(Tool(server.Url) with { MaxResponseBytes = 1_000 }, _client))).Length);
        ToolException error = await Assert.ThrowsAsync<ToolException>(
            () => CallAsync(new HttpTool(Tool(server.Url + "/more") with { MaxResponseBytes = 1_000 }, _client)));
        Assert.Equal("The answer is larger than 1000 bytes.", error.Message);
    }

    [Fact]
    public async Task A_redirect_is_followed_on_the_same_server_only()
    {
        using var other = new TestHttpServer(_ => new TestHttpAnswer(200, "stolen"));
        using var server = new TestHttpServer(request => request.PathAndQuery switch
        {
            "/same" => To("/there", 307),
            "/there" => new TestHttpAnswer(200, request.Body),
            "/round" => To("/round", 308),
            "/changes" => To("/there", 303),
            _ => To(other.Url, 307),
        });

        Assert.Equal("""{"city": "Oslo"}""", await CallAsync(new HttpTool(Tool(server.Url + "/same"), _client)));
        foreach ((string path, string error) in new[]
        {
            ("/other", $"The server {server.Url} redirects to another, {other.Url}, which is not followed."),
            ("/round", $"The server {server.Url} redirects more than 5 times."),
            ("/changes", $"The server {server.Url} redirects a POST with status 303, which is not followed."),
        })
        {
            Assert.Equal(error, (await Assert.ThrowsAsync<ToolException>(() => CallAsync(new HttpTool(Tool(server.Url + path), _client)))).Message);
        }

        Assert.Empty(other.Requests);

        static TestHttpAnswer To(string location, int status) =>
            new(status, "") { Headers = new Dictionary<string, string> { ["Location"] = location } };
    }

    [Fact]
    public async Task No_cookie_goes_from_one_trajectory_to_another()
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(200, "ok") { Headers = new Dictionary<string, string> { ["Set-Cookie"] = "session=1" } });
        HttpTool tool = new(Tool(server.Url), _client);
        await CallAsync(tool);
        await CallAsync(tool);
        Assert.All(server.Requests, request => Assert.Null(request.Headers["Cookie"]));
    }

    [Theory]
    [InlineData("/a", "not json", "The server URL of tool 'weather' answered what is no JSON.")]
    [InlineData("/a/0", """{"a": {}}""", "The answer of tool 'weather' has nothing at '/a/0'.")]
    public async Task An_answer_without_the_wanted_part_is_told(string pointer, string body, string error)
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(200, body));
        HttpTool tool = new(Tool(server.Url) with { ResultPointer = pointer }, _client);
        Assert.Equal(error.Replace("URL", server.Url, StringComparison.Ordinal), (await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool))).Message);
    }

    [Fact]
    public async Task Text_is_read_in_the_servers_charset_and_bytes_that_are_no_text_are_refused()
    {
        byte[] body = [0x63, 0x61, 0x66, 0xe9];
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, body)
        {
            ContentType = request.PathAndQuery == "/latin" ? "text/plain; charset=iso-8859-1" : "text/plain",
        });
        Assert.Equal("café", await CallAsync(new HttpTool(Tool(server.Url + "/latin"), _client)));
        ToolException error = await Assert.ThrowsAsync<ToolException>(() => CallAsync(new HttpTool(Tool(server.Url), _client)));
        Assert.Equal($"The server {server.Url} of tool 'weather' answered bytes that are no text.", error.Message);
    }

    [Fact]
    public async Task No_more_calls_than_allowed_are_in_flight()
    {
        int atOnce = 0, most = 0;
        Lock counting = new();
        using var server = new TestHttpServer(_ =>
        {
            lock (counting)
                most = Math.Max(most, ++atOnce);
            Thread.Sleep(20);
            lock (counting)
                atOnce--;
            return new TestHttpAnswer(200, "ok");
        });
        HttpTool tool = new(Tool(server.Url) with { MaxConcurrentCalls = 2 }, _client);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => CallAsync(tool)));
        Assert.InRange(most, 1, 2);
        Assert.Equal(12, server.Requests.Count);
    }

    [Fact]
    public async Task A_secret_is_read_at_every_call_and_shows_nowhere()
    {
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, request.Headers["X-Api-Key"]!));
        const string variable = "AGENTROLLOUT_TEST_SECRET";
        HttpTool tool = new(Tool(server.Url) with { Auth = new HttpToolAuth { Secret = $"env:{variable}", Header = "X-Api-Key" } }, _client);
        ToolException missing = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool));
        Assert.Equal($"The secret of this tool is missing: environment variable '{variable}' is not there or empty.", missing.Message);
        foreach (string secret in new[] { "one", "two" })
        {
            Environment.SetEnvironmentVariable(variable, secret);
            Assert.Equal(secret, await CallAsync(tool));
        }

        Environment.SetEnvironmentVariable(variable, "line\nbreak");
        ToolException bad = await Assert.ThrowsAsync<ToolException>(() => CallAsync(tool));
        Assert.DoesNotContain("break", bad.Message, StringComparison.Ordinal);
        Environment.SetEnvironmentVariable(variable, null);
    }

    public static TheoryData<HttpToolDefinition, string> BadDefinitions => new()
    {
        { Tool("ftp://example.org/x"), "'url' is 'ftp://example.org/x'; it must be an http or https address." },
        { Tool("file:///etc/passwd"), "'url' is 'file:///etc/passwd'; it must be an http or https address." },
        { Tool("/relative"), "'url' is '/relative'; it must be an http or https address." },
        { Tool("http://{city}/x"), "'url' is 'http://{city}/x'; it must be an http or https address." },
        { Tool("http://me:secret@example.org"), "'url' has a user, password or fragment; secrets belong into headers, and a fragment is never sent." },
        { Tool("http://example.org{city}/x"), "'url' is 'http://example.org{city}/x'; it must be an http or https address." },
        { Tool("http://example.org:{city}/x"), "'url' is 'http://example.org:{city}/x'; it must be an http or https address." },
        { Tool("http://{city}@example.org/x"), "'url' has a user, password or fragment; secrets belong into headers, and a fragment is never sent." },
        { Tool("http://example.org/{days}"), "'url' has '{days}', which is no required argument of 'parameters'." },
        { Tool("http://example.org") with { ResultPointer = "result" }, "'result' is no JSON pointer; one is empty or begins with '/', such as /result/text, and writes '~' as ~0 and '/' as ~1." },
        { Tool("http://example.org") with { Auth = new HttpToolAuth { Secret = "hunter2" } }, "A secret must be given as env:NAME or file:PATH, the place where it is kept." },
        { Tool("http://example.org") with { Auth = new HttpToolAuth { Secret = "env:X", Header = "Host" } }, "'auth.header' is 'Host', which cannot be the name of a header with a secret." },
        { Tool("http://example.org") with { Auth = new HttpToolAuth { Secret = "env:X", Header = "a b" } }, "'auth.header' is 'a b', which cannot be the name of a header with a secret." },
    };

    [Theory]
    [MemberData(nameof(BadDefinitions), DisableDiscoveryEnumeration = true)]
    public void A_definition_that_cannot_be_used_is_refused(HttpToolDefinition definition, string error) =>
        Assert.Equal($"HTTP tool 'weather': {error}", Assert.Throws<ToolException>(() => new HttpTool(definition, _client)).Message);

    private static HttpToolDefinition Tool(string url) => new()
    {
        Name = "weather", Description = "The weather of a city.", Parameters = JsonElement.Parse(Schema), Url = url,
    };

    private static Task<string> CallAsync(ITool tool, string arguments = """{"city": "Oslo"}""", CancellationToken cancellationToken = default) =>
        tool.InvokeAsync(new ToolInvocation("call-1", "trajectory-1", tool.Spec.Name, JsonElement.Parse(arguments)), cancellationToken);

    private static (string, string) Sent(TestHttpServer server)
    {
        TestHttpRequest request = Assert.Single(server.Requests);
        return (request.Method, request.PathAndQuery);
    }
}
