using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Tests.Reliability;
using AgentRollout.Tokenization.Chat;
using Xunit;

namespace AgentRollout.Gateway.Tests.Capture;

/// <summary>A server that is killed while agents ask it.</summary>
public sealed class SessionKillTests : IDisposable
{
    private const string Tools = $$""", "tools": [{{TestSession.Calculator}}]""";

    private readonly string _folder = Directory.CreateTempSubdirectory("agentrollout-capture-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Killed_between_and_under_calls_a_server_loses_nothing_that_an_agent_has_read()
    {
        using ServerProcess server = new(_folder);
        await server.StartAsync();
        TestSession[] sessions = await TestSession.StartAsync(server.Client, """{"samples_per_task": 3, "seed": 4}""");
        Task<string[]>[] playing = [.. sessions.Select(session => PlayAsync(session, turns: 6))];
        Random random = new(1);
        for (int kill = 0; kill < 3; kill++)
        {
            await Task.Delay(random.Next(20, 400), TestContext.Current.CancellationToken);
            await server.KillAsync();
            await server.StartAsync();
        }

        string[][] read = await Task.WhenAll(playing);
        for (int i = 0; i < sessions.Length; i++)
        {
            Trajectory trajectory = await sessions[i].SealAsync();
            string[] said = [.. trajectory.Messages.Where(message => message.Role == "assistant").Select(Text)];
            Assert.All(read[i], answer => Assert.Contains(answer, said));
            JsonElement drift = (await sessions[i].StateAsync()).GetProperty("drift");
            Assert.True(drift.GetProperty("forked_because").EnumerateObject().All(reason => reason.Name == "asked_again"), drift.GetRawText());
        }
    }

    /// <summary>An agent that asks again until it is answered.</summary>
    private static async Task<string[]> PlayAsync(TestSession session, int turns)
    {
        List<string> read = [];
        JsonArray messages = [];
        for (int turn = 0; turn < turns; turn++)
        {
            messages.Add(TestSession.User($"What is {turn} + {turn}?"));
            JsonNode answer = await AskUntilAnsweredAsync(session, messages);
            messages.Add(answer);
            foreach (JsonNode? call in answer["tool_calls"]?.AsArray() ?? [])
                messages.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = call!["id"]!.GetValue<string>(), ["content"] = $"{turn + turn}" });
            read.Add(Text(answer));
        }

        return [.. read];
    }

    private static async Task<JsonNode> AskUntilAnsweredAsync(TestSession session, JsonArray messages)
    {
        while (true)
        {
            try
            {
                return await session.AskAsync(messages, Tools);
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }

    private static string Text(JsonNode message) => $"{message["content"]?.GetValue<string>()}|{string.Join(',', (message["tool_calls"]?.AsArray() ?? []).Select(call => call!["function"]!["name"]!.GetValue<string>()))}";

    private static string Text(ChatMessage message) => $"{message.Content}|{string.Join(',', (message.ToolCalls ?? []).Select(call => call.Name))}";
}
