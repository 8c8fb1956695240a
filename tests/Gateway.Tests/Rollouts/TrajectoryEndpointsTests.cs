using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Xunit;

namespace AgentRollout.Gateway.Tests.Rollouts;

public sealed class TrajectoryEndpointsTests
{
    [Fact]
    public async Task Lines_arrive_before_the_rollout_ends_and_the_stream_ends_with_it()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(
            """{"environment":"plain","tasks":[{"id":"fast","data":{"question":"q"}},{"id":"slow","data":{"question":"slowly"}}]}""");

        using HttpResponseMessage response = await GetAsync(gateway, id, "application/x-ndjson");
        using StreamReader lines = new(await response.Content.ReadAsStreamAsync());
        string first = (await lines.ReadLineAsync())!;
        JsonElement rollout = await gateway.GetAsync($"/v1/rollouts/{id}");
        string second = (await lines.ReadLineAsync())!;

        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("running", rollout.GetProperty("state").GetString());
        Assert.Equal(["fast", "slow"], ((string[])[first, second]).Select(line => JsonElement.Parse(line).GetProperty("task").GetProperty("id").GetString()));
        Assert.Null(await lines.ReadLineAsync());
        Assert.Equal("completed", (await gateway.GetAsync($"/v1/rollouts/{id}")).GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_stream_that_the_servers_stop_cuts_does_not_look_complete()
    {
        TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("endlessly"));
        using HttpResponseMessage response = await GetAsync(gateway, id, "application/x-ndjson");
        using Stream stream = await response.Content.ReadAsStreamAsync();

        Task stopping = gateway.StopAsync();

        await Assert.ThrowsAnyAsync<Exception>(async () => await stream.ReadExactlyAsync(new byte[1]));
        await stopping;
        await gateway.DisposeAsync();
    }

    [Theory]
    [InlineData("*/*", "application/json")]
    [InlineData("application/*", "application/json")]
    [InlineData("application/x-ndjson, application/json;q=0.5", "application/x-ndjson")]
    [InlineData("application/x-ndjson;q=0.1, application/json", "application/json")]
    public async Task The_client_chooses_the_media_type(string accept, string expected)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q"));
        await gateway.WaitForAsync(id, "completed");

        using HttpResponseMessage response = await GetAsync(gateway, id, accept);

        Assert.Equal(expected, response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task An_unknown_media_type_is_refused_with_the_known_ones()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q"));

        using HttpResponseMessage response = await GetAsync(gateway, id, "text/csv");

        await RolloutEndpointsTests.AssertProblemAsync(
            response, HttpStatusCode.NotAcceptable, "not_acceptable", "Media type 'text/csv' is unknown; known types: application/json, application/x-ndjson, application/vnd.safetensors.");
    }

    private static Task<HttpResponseMessage> GetAsync(TestGateway gateway, string id, string accept)
    {
        HttpRequestMessage request = new(HttpMethod.Get, $"/v1/rollouts/{id}/trajectories");
        foreach (string type in accept.Split(','))
            request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(type.Trim()));
        return gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
