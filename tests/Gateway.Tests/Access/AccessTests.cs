using System.Net;
using System.Security.Cryptography;
using System.Text;
using AgentRollout.Gateway.Access;
using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Dialects.Chat;
using AgentRollout.Gateway.Errors;
using AgentRollout.Gateway.Tests.Rollouts;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace AgentRollout.Gateway.Tests.Access;

public sealed class AccessTests
{
    private static readonly ApiKeyHash Key = new()
    {
        Name = "trainer",
        Sha256 = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes("secret"))),
    };

    [Theory]
    [InlineData("evil.example", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST:99", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("trainer.internal", true)]
    public async Task The_host_must_be_an_allowed_one(string host, bool isAllowed)
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { AllowedHosts = ["trainer.internal"] });
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/environments") { Headers = { Host = host } };

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);

        if (isAllowed)
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else
            await RolloutEndpointsTests.AssertProblemAsync(response, HttpStatusCode.BadRequest, "host_not_allowed", $"Host '{host}' is not allowed");
    }

    [Theory]
    [InlineData("Origin", "http://evil.example", false)]
    [InlineData("Origin", "null", false)]
    [InlineData("Origin", "http://127.0.0.1:1", false)]
    [InlineData("Origin", "OWN", true)]
    [InlineData("Sec-Fetch-Site", "cross-site", false)]
    [InlineData("Sec-Fetch-Site", "same-origin", true)]
    public async Task Browsers_may_call_from_the_servers_own_origin_only(string header, string value, bool isAllowed)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        foreach (string path in (string[])["/v1/environments", "/hubs/rollouts/negotiate?negotiateVersion=1"])
        {
            using HttpRequestMessage request = new(path.StartsWith("/hubs", StringComparison.Ordinal) ? HttpMethod.Post : HttpMethod.Get, path);
            request.Headers.Add(header, value == "OWN" ? gateway.Client.BaseAddress!.GetLeftPart(UriPartial.Authority) : value);

            using HttpResponseMessage response = await gateway.Client.SendAsync(request);

            Assert.Equal(isAllowed ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
        }
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("Bearer wrong", false)]
    [InlineData("Basic secret", false)]
    [InlineData("Bearer secret", true)]
    [InlineData("bearer secret", true)]
    public async Task Where_keys_are_configured_one_must_be_presented(string? authorization, bool isAllowed)
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ApiKeys = [Key] });
        using HttpRequestMessage request = new(HttpMethod.Get, "/v1/environments");
        if (authorization is not null)
            request.Headers.TryAddWithoutValidation("Authorization", authorization);

        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        using HttpResponseMessage health = await gateway.Client.GetAsync("/health/live");

        Assert.Equal(isAllowed ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    [Theory]
    [InlineData("openai", 80, "'dialects.openai.prefix' is 'openai'")]
    [InlineData("/openai/", 80, "'dialects.openai.prefix' is '/openai/'; it must be empty or a path such as /openai.")]
    [InlineData("/{id}", 80, "it must be empty or a path such as /openai.")]
    [InlineData("/openai", 81, "'dialects.openai.port' is 81, on which no address of 'urls' listens.")]
    [InlineData("/openai", 80, "")]
    public void A_dialect_is_mounted_where_it_can_be(string prefix, int port, string expected)
    {
        GatewayOptions options = new() { Urls = ["http://127.0.0.1:80"], Dialects = new DialectSettings { Openai = new ChatDialectSettings { Prefix = prefix, Port = port } } };
        if (expected is "")
            GatewayOptionsFile.Check(options);
        else
            Assert.Contains(expected, Assert.Throws<InvalidInputException>(() => GatewayOptionsFile.Check(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignalR_needs_the_key_too()
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ApiKeys = [Key] });

        await using HubConnection hub = await gateway.ConnectAsync("secret");
        HttpRequestException exception = await Assert.ThrowsAsync<HttpRequestException>(() => gateway.ConnectAsync("wrong"));

        Assert.Equal(HttpStatusCode.Unauthorized, exception.StatusCode);
    }

    [Theory]
    [InlineData("http://127.0.0.1:80", true)]
    [InlineData("http://127.8.8.8:80", true)]
    [InlineData("http://[::1]:80", true)]
    [InlineData("http://localhost:80", true)]
    [InlineData("http://0.0.0.0:80", false)]
    [InlineData("http://[::]:80", false)]
    [InlineData("http://*:80", false)]
    [InlineData("http://+:80", false)]
    [InlineData("http://example.org:80", false)]
    [InlineData("http://192.168.1.1:80", false)]
    public void Only_loopback_addresses_go_without_a_key(string url, bool isLoopback)
    {
        Assert.Equal(isLoopback, ListenUrl.Parse(url).IsLoopback);
        GatewayOptions options = new() { Urls = [url] };
        if (isLoopback)
            GatewayOptionsFile.Check(options);
        else
            Assert.Contains($"URL '{url}' is not a loopback address", Assert.Throws<InvalidInputException>(() => GatewayOptionsFile.Check(options)).Message, StringComparison.Ordinal);
        GatewayOptionsFile.Check(options with { ApiKeys = [Key] });
    }

    [Theory]
    [InlineData("https://localhost:80")]
    [InlineData("localhost")]
    [InlineData("http://localhost:80/path")]
    [InlineData("http://unix:/tmp/socket")]
    public void A_url_that_cannot_be_listened_on_is_named(string url) =>
        Assert.Contains($"URL '{url}' cannot be listened on", Assert.Throws<InvalidInputException>(() => ListenUrl.Parse(url)).Message, StringComparison.Ordinal);
}
