using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AgentRollout.Testing;
using AgentRollout.Tools;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AgentRollout.Gateway.Tests.ExternalTools;

public sealed class ToolEndpointsTests
{
    private const string Parameters = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""";

    [Fact]
    public async Task A_registered_tool_is_listed_played_kept_over_a_restart_and_removed()
    {
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, $$"""{"text": "sunny", "asked": {{request.Body}}}"""));
        string path = TestGateway.NewDatabase();
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            using HttpResponseMessage created = await PostAsync(gateway, Body(server.Url, """, "result_pointer": "/text", "method": "post" """));
            Assert.Equal(HttpStatusCode.Created, created.StatusCode);
            Assert.Equal("registration 'weather'", (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("source").GetString());
            Assert.Equal("sunny", await PlayAsync(gateway));
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            JsonElement[] tools = [.. (await gateway.GetAsync("/v1/tools")).EnumerateArray()];
            Assert.Equal(["calculator", "weather"], tools.Select(tool => tool.GetProperty("name").GetString()));
            Assert.Equal(
                $$"""{"name":"weather","description":"The weather of a city.","parameters":{{Parameters}},"source":"registration 'weather'"}""",
                tools[1].GetRawText());
            Assert.Equal("sunny", await PlayAsync(gateway));

            using HttpResponseMessage removed = await gateway.Client.DeleteAsync("/v1/tools/weather");
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
            using HttpResponseMessage refused = await gateway.PostAsync(Rollout);
            Assert.Equal("unknown_tool", await CodeAsync(refused));
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
            Assert.Single((await gateway.GetAsync("/v1/tools")).EnumerateArray());
    }

    [Fact]
    public async Task Tools_of_the_configuration_are_offered_and_cannot_be_removed()
    {
        using var server = new TestHttpServer(_ => new TestHttpAnswer(200, "cloudy"));
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, $$"""{"http_tools": [{"name": "weather", "description": "d", "parameters": {{Parameters}}, "url": "{{server.Url}}", "method": "get", "max_attempts": 2}]}""");
        await using TestGateway gateway = await TestGateway.StartAsync(GatewayOptionsFile.Read(file));
        File.Delete(file);

        Assert.Equal("setting 'http_tools'", (await gateway.GetAsync("/v1/tools"))[1].GetProperty("source").GetString());
        Assert.Equal("cloudy", await PlayAsync(gateway));
        Assert.Equal("/?city=Oslo", Assert.Single(server.Requests).PathAndQuery);

        using HttpResponseMessage conflict = await PostAsync(gateway, Body(server.Url));
        Assert.Equal((HttpStatusCode.Conflict, "tool_exists"), (conflict.StatusCode, await CodeAsync(conflict)));
        foreach ((string name, HttpStatusCode status, string code) in new[]
        {
            ("weather", HttpStatusCode.Conflict, "tool_not_registered"), ("calculator", HttpStatusCode.Conflict, "tool_not_registered"),
            ("abacus", HttpStatusCode.NotFound, "unknown_tool"),
        })
        {
            using HttpResponseMessage refused = await gateway.Client.DeleteAsync($"/v1/tools/{name}");
            Assert.Equal((status, code), (refused.StatusCode, await CodeAsync(refused)));
        }
    }

    [Theory]
    [InlineData("""{"type":"carrier_pigeon"}""", "invalid_value", "Member 'type' is \"carrier_pigeon\"; known types: http, mcp.")]
    [InlineData("""{"name":"x"}""", "missing_member", "Member 'type' is missing.")]
    [InlineData("""{"type":"http","name":"x","colour":1}""", "unknown_member", "Member 'colour' is unknown;")]
    [InlineData("""{"type":"http","name":"x"}""", "missing_member", "Member 'description' is missing.")]
    [InlineData("nonsense", "invalid_json", "The text is not JSON")]
    [InlineData("""BODY, "timeout_seconds": 0 }""", "invalid_value", "Member 'timeout_seconds' is 0; it must be at least 0.1 and at most 3600.")]
    [InlineData("""BODY, "method": "TRACE" }""", "invalid_value", "Member 'method' is \"TRACE\"; it must be one of post, get, put, patch, delete.")]
    [InlineData("""BODY, "auth": {"secret": "env:HOME"} }""", "invalid_value", "Member 'auth.secret' names a secret that registered tools may not use;")]
    [InlineData("""{"type":"http","name":"x","description":"d","parameters":{},"url":"gopher://example.org"}""", "invalid_value", "HTTP tool 'x': 'url' is 'gopher://example.org';")]
    [InlineData("""{"type":"http","name":"a b","description":"d","parameters":{},"url":"http://example.org"}""", "invalid_value", "Tool name 'a b' is malformed;")]
    [InlineData("""{"type":"http","name":"x","description":"d","parameters":{"colour":1},"url":"http://example.org"}""", "invalid_value", "Tool 'x': schema keyword 'colour' is not supported;")]
    public async Task What_cannot_be_registered_is_refused_and_not_kept(string body, string code, string detail)
    {
        string path = TestGateway.NewDatabase();
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            using HttpResponseMessage refused = await PostAsync(gateway, body.Replace("BODY", Body("http://example.org").TrimEnd('}'), StringComparison.Ordinal));
            JsonElement problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
            Assert.StartsWith(detail, problem.GetProperty("detail").GetString()!, StringComparison.Ordinal);
            Assert.Equal((HttpStatusCode.BadRequest, code), (refused.StatusCode, problem.GetProperty("code").GetString()));
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
            Assert.Single((await gateway.GetAsync("/v1/tools")).EnumerateArray());
    }

    [Fact]
    public async Task A_secret_may_be_used_where_the_settings_list_it_and_is_in_no_answer()
    {
        using var server = new TestHttpServer(request => new TestHttpAnswer(200, request.Headers["Authorization"] == "Bearer s3cret" ? "welcome" : "who?"));
        Environment.SetEnvironmentVariable("AGENTROLLOUT_TEST_WEATHER_KEY", "s3cret");
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ToolSecrets = ["env:AGENTROLLOUT_TEST_WEATHER_KEY"] });
        using HttpResponseMessage created = await PostAsync(gateway, Body(server.Url, """, "auth": {"secret": "env:AGENTROLLOUT_TEST_WEATHER_KEY"} """));
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal("welcome", await PlayAsync(gateway));
        Assert.DoesNotContain("SECRET", (await gateway.Client.GetStringAsync("/v1/tools")).ToUpperInvariant(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_registrations_at_once_one_has_the_name()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => PostAsync(gateway, Body("http://example.org"))));
        Assert.Equal(1, answers.Count(answer => answer.StatusCode == HttpStatusCode.Created));
        Assert.Equal(7, answers.Count(answer => answer.StatusCode == HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task A_stored_tool_whose_name_the_program_has_taken_does_not_stop_the_start_and_can_be_removed()
    {
        string path = TestGateway.NewDatabase();
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
            (await PostAsync(gateway, Body("http://example.org"))).Dispose();
        ToolSource taken = new("plugin 'p'", [new DelegateTool(Weather, "weather")]);
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path, configure: services => services.AddSingleton(taken)))
        {
            Assert.Equal("plugin 'p'", (await gateway.GetAsync("/v1/tools"))[1].GetProperty("source").GetString());
            using HttpResponseMessage removed = await gateway.Client.DeleteAsync("/v1/tools/weather");
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
            Assert.Equal(2, (await gateway.GetAsync("/v1/tools")).GetArrayLength());
        }
    }

    private const string Rollout = """
        {"environment":"plain","tasks":[{"id":"t","data":{"question":"the weather?"}}],"limits":{"max_turns":1},"tools":["weather"]}
        """;

    [System.ComponentModel.Description("The weather.")]
    private static string Weather() => "rain";

    private static string Body(string url, string more = "") =>
        $$"""{"type":"http","name":"weather","description":"The weather of a city.","parameters":{{Parameters}},"url":"{{url}}"{{more}}}""";

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string body) =>
        gateway.Client.PostAsync("/v1/tools", new StringContent(body, Encoding.UTF8, "application/json"));

    private static async Task<string> CodeAsync(HttpResponseMessage response) =>
        (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()!;

    private static async Task<string?> PlayAsync(TestGateway gateway)
    {
        string id = await gateway.AcceptAsync(Rollout);
        await gateway.WaitForAsync(id, "completed");
        return (await gateway.GetAsync($"/v1/rollouts/{id}/trajectories"))[0].GetProperty("tool_calls")[0].GetProperty("result").GetString();
    }
}
