using System.Security.Cryptography;
using System.Text;
using AgentRollout.Gateway.Access;
using AgentRollout.Testing;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

/// <summary>The clients that people have, as npm has them.</summary>
public sealed class NpmClientTests
{
    private static readonly ApiKeyHash _key = new() { Name = "agent", Sha256 = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes("secret"))) };

    [Theory]
    [InlineData("chat")]
    [InlineData("streaming")]
    [InlineData("tools")]
    [InlineData("streamed_tools")]
    [InlineData("logprobs")]
    [InlineData("completions")]
    [InlineData("models")]
    [InlineData("errors")]
    public Task OpenAIs_own_client_gets_what_it_expects(string check) => CheckAsync("openai.mjs", check);

    [Theory]
    [InlineData("messages")]
    [InlineData("streaming")]
    [InlineData("stops")]
    [InlineData("tools")]
    [InlineData("streamed_tools")]
    [InlineData("errors")]
    public Task Anthropics_own_client_gets_what_it_expects(string check) => CheckAsync("anthropic.mjs", check);

    [Theory]
    [InlineData("openai.mjs")]
    [InlineData("anthropic.mjs")]
    public async Task A_client_that_leaves_a_stream_frees_the_engine(string script)
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ApiKeys = [_key] });
        await TestNpmClients.CheckAsync(script, gateway.Client.BaseAddress!.ToString(), "leaving");
        Assert.Single(gateway.Engine.Requests);
        while (gateway.Engine.Running > 0)
            await Task.Delay(10, TestContext.Current.CancellationToken);
    }

    private static async Task CheckAsync(string script, string check)
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ApiKeys = [_key] });
        await TestNpmClients.CheckAsync(script, gateway.Client.BaseAddress!.ToString(), check);
    }
}
