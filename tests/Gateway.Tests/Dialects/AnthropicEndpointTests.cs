using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;

namespace AgentRollout.Gateway.Tests.Dialects;

public sealed class AnthropicEndpointTests
{
    [Fact]
    public async Task Blocks_become_the_messages_that_the_template_renders()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage response = await PostAsync(gateway, "/v1/messages", """
            {
              "model": "tiny", "max_tokens": 16, "temperature": 0.5, "top_k": 5, "system": [{"type": "text", "text": "Be ", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "brief."}],
              "messages": [
                {"role": "user", "content": "What is 1+1 and 2+2?"},
                {"role": "assistant", "content": [
                  {"type": "text", "text": "Let me see."},
                  {"type": "tool_use", "id": "a", "name": "calculator", "input": {"expression": "1+1"}},
                  {"type": "tool_use", "id": "b", "name": "calculator", "input": {"expression": "2+2"}}]},
                {"role": "user", "content": [
                  {"type": "tool_result", "tool_use_id": "a", "content": "2"},
                  {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "4"}]},
                  {"type": "text", "text": "Well?"}]}
              ],
              "tools": [{"name": "calculator", "description": "Computes.", "input_schema": {"type": "object", "properties": {"expression": {"type": "string"}}}}],
              "metadata": {"user_id": "somebody"}
            }
            """);
        using HttpResponseMessage same = await PostAsync(gateway, "/v1/chat/completions", """
            {
              "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is 1+1 and 2+2?"},
                {"role": "assistant", "content": "Let me see.", "tool_calls": [
                  {"id": "a", "type": "function", "function": {"name": "calculator", "arguments": "{\"expression\": \"1+1\"}"}},
                  {"id": "b", "type": "function", "function": {"name": "calculator", "arguments": "{\"expression\": \"2+2\"}"}}]},
                {"role": "tool", "tool_call_id": "a", "content": "2"},
                {"role": "tool", "tool_call_id": "b", "content": "4"},
                {"role": "user", "content": "Well?"}
              ],
              "tools": [{"type": "function", "function": {"name": "calculator", "description": "Computes.", "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}}}}]
            }
            """);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (response.StatusCode, same.StatusCode));
        Assert.Equal(gateway.Engine.Requests.Last().Tokens.ToArray(), gateway.Engine.Requests.First().Tokens.ToArray());
        Assert.Equal((16, 0.5f, 5), (gateway.Engine.Requests.First().MaxNewTokens, gateway.Engine.Requests.First().Sampling.Temperature, gateway.Engine.Requests.First().Sampling.TopK));
    }

    [Theory]
    [InlineData("""{"max_tokens": 5}""", "no 'messages'")]
    [InlineData("""{"messages": []}""", "no 'max_tokens'")]
    [InlineData("""{"max_tokens": 0, "messages": []}""", "'max_tokens' is 0; it must be at least 1.")]
    [InlineData("""{"max_tokens": 5, "messages": []}""", "'messages' is empty")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "system", "content": "x"}]}""", "it must be user or assistant.")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user"}]}""", "'messages[0]' has no 'content'.")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "document"}]}]}""", "'messages[0].content[0]' has type 'document'")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}""", "has no 'tool_use_id'.")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "I"}]}""", "The last message is the assistant's")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "tool_choice": {"type": "any"}}""", "its type must be auto or none")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}""", "only false is supported")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "bash_20250124", "name": "bash"}]}""", "'tools[0].type' is 'bash_20250124'")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "tools": [{"name": "x"}]}""", "'tools[0]' has no object 'input_schema'.")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "thinking": {"type": "much"}}""", "its type must be enabled, adaptive or disabled.")]
    [InlineData("""{"max_tokens": 5, "messages": [{"role": "user", "content": "x"}], "mcp_servers": [{"url": "x"}]}""", "'mcp_servers' is not supported")]
    [InlineData("[", "not JSON")]
    public async Task What_cannot_be_honoured_is_refused_in_one_sentence(string body, string expected)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage response = await PostAsync(gateway, "/v1/messages", body);
        JsonElement error = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal((HttpStatusCode.BadRequest, "error", "invalid_request_error"), (response.StatusCode, error.GetProperty("type").GetString(), error.GetProperty("error").GetProperty("type").GetString()));
        Assert.Contains(expected, error.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string path, string body) =>
        gateway.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
}
