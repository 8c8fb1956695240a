using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Environments.Trajectories;
using Xunit;

namespace AgentRollout.Gateway.Tests.Capture;

/// <summary>A session, and an agent that speaks OpenAI's or Anthropic's protocol to it.</summary>
internal sealed class TestSession(HttpClient client, JsonElement told)
{
    public const string Calculator = """
        {"type": "function", "function": {"name": "calculator", "description": "Computes.", "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}}}}
        """;

    public string Id => told.GetProperty("id").GetString()!;

    public string RolloutId => told.GetProperty("rollout_id").GetString()!;

    public string Key => told.GetProperty("key").GetString()!;

    public Uri OpenAi => new(told.GetProperty("openai_base_url").GetString()!);

    public Uri Anthropic => new(told.GetProperty("anthropic_base_url").GetString()!);

    /// <summary>Opens sessions.</summary>
    public static async Task<TestSession[]> StartAsync(HttpClient client, string body = "{}")
    {
        using HttpResponseMessage response = await client.PostAsync("/v1/sessions", Json(body), TestContext.Current.CancellationToken);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == System.Net.HttpStatusCode.Created, text);
        return [.. JsonElement.Parse(text).GetProperty("sessions").EnumerateArray().Select(session => new TestSession(client, session))];
    }

    /// <summary>Asks as an agent with OpenAI's client does, and gives the message as it goes back into the conversation.</summary>
    public async Task<JsonNode> AskAsync(JsonArray messages, string rest = "")
    {
        using HttpResponseMessage response = await PostAsync("openai/v1/chat/completions", $$"""{"model": "gpt-4o", "messages": {{messages.ToJsonString()}}{{rest}}}""");
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!["choices"]![0]!["message"]!.DeepClone();
    }

    /// <summary>Posts under the session with its key, or another.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, string body, string? key = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"/v1/sessions/{Id}/{path}") { Content = Json(body) };
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key ?? Key}");
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    /// <summary>Asks something of the one who runs the agent.</summary>
    public async Task<JsonElement> ControlAsync(HttpMethod method, string path = "", string body = "{}", int status = 200)
    {
        using HttpRequestMessage request = new(method, $"/v1/sessions/{Id}{path}") { Content = method == HttpMethod.Get ? null : Json(body) };
        using HttpResponseMessage response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True((int)response.StatusCode == status, text);
        return JsonElement.Parse(text);
    }

    public Task<JsonElement> StateAsync() => ControlAsync(HttpMethod.Get);

    /// <summary>Seals, and gives the trajectory, which has passed its audit.</summary>
    public async Task<Trajectory> SealAsync(string body = """{"reward": 1}""")
    {
        await ControlAsync(HttpMethod.Post, "/seal", body);
        return await TrajectoryAsync();
    }

    /// <summary>The sealed trajectory, which has passed its audit.</summary>
    public async Task<Trajectory> TrajectoryAsync()
    {
        Trajectory trajectory = TrajectoryJson.Deserialize(await client.GetByteArrayAsync($"/v1/trajectories/{Id}", TestContext.Current.CancellationToken));
        JsonElement audit = await client.GetFromJsonAsync<JsonElement>($"/v1/trajectories/{Id}/audit", TestContext.Current.CancellationToken);
        Assert.True(audit.GetProperty("passes").GetBoolean(), audit.GetRawText());
        return trajectory;
    }

    public static JsonObject User(string content) => new() { ["role"] = "user", ["content"] = content };

    public static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");
}
