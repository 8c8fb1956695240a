using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentRollout.Environments.Loop;
using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Access;
using AgentRollout.Tokenization.Masking;
using Xunit;

namespace AgentRollout.Gateway.Tests.Capture;

public sealed class SessionTests
{
    private const string Tools = $$""", "tools": [{{TestSession.Calculator}}]""";

    [Fact]
    public async Task An_agent_that_calls_tools_samples_what_the_loop_samples_and_is_one_sequence()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string rollout = await gateway.AcceptAsync(TestGateway.Request("calculate", environment: "tools"));
        await gateway.WaitForAsync(rollout, "completed");
        Trajectory native = TrajectoryJson.Deserialize(await gateway.Client.GetByteArrayAsync($"/v1/trajectories/{rollout}-0-0"));
        JsonArray schemas = [.. native.Tools.Select(tool => new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = tool.Name, ["description"] = tool.Description, ["parameters"] = JsonNode.Parse(tool.Parameters.GetRawText()) },
        })];
        string rest = $$""", "tools": {{schemas.ToJsonString()}}, "temperature": 0.1, "seed": 99""";

        TestSession session = (await TestSession.StartAsync(gateway.Client, """{"seed": 1, "tasks": [{"id": "t0"}]}""")).Single();
        JsonArray messages = [TestSession.User("calculate")];
        JsonNode call = await session.AskAsync(messages, rest);
        messages.Add(call);
        messages.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = call["tool_calls"]![0]!["id"]!.GetValue<string>(), ["content"] = "2" });
        Assert.Equal("yes", (await session.AskAsync(messages, rest))["content"]!.GetValue<string>());
        JsonElement open = await session.StateAsync();
        Trajectory captured = await session.SealAsync();

        Assert.Equal(("open", 2, 1), (open.GetProperty("state").GetString(), open.GetProperty("turns").GetInt32(), open.GetProperty("drift").GetProperty("continued").GetInt32()));
        Assert.Equal(native.Seed, captured.Seed);
        Assert.Equal(native.Sequences.Single().TokenIds, captured.Sequences.Single().TokenIds);
        Assert.Equal(native.Sequences.Single().Logprobs, captured.Sequences.Single().Logprobs);
        Assert.Equal(native.Sequences.Single().Segments.Select(segment => segment.Source), captured.Sequences.Single().Segments.Select(segment => segment.Source));
        Assert.Equal(native.Messages.Select(message => message.Content), captured.Messages.Select(message => message.Content));
        Assert.Equal(("c1", "2"), (captured.ToolCalls.Single().Id, captured.ToolCalls.Single().Result));
        Assert.Equal((TrajectoryStatus.Completed, 1.0, native.Audit.Template), (captured.Status, captured.Reward, captured.Audit.Template));
        Assert.Equal(gateway.Engine.Requests.Take(2).Select(request => request.Seed), gateway.Engine.Requests.Skip(2).Select(request => request.Seed));
    }

    [Fact]
    public async Task A_group_of_sessions_is_leased_listed_and_searched_as_any()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession[] sessions = await TestSession.StartAsync(
            gateway.Client, """{"environment": "my-agent", "tasks": [{"id": "a", "data": {"x": 1}}, {"id": "b"}], "samples_per_task": 2, "seed": 3}""");
        Assert.Equal(4, sessions.Select(session => session.Key).Distinct().Count());
        string rollout = sessions[0].RolloutId;
        JsonElement state = await gateway.GetAsync($"/v1/rollouts/{rollout}");
        Assert.Equal(("capturing", "my-agent"), (state.GetProperty("state").GetString(), state.GetProperty("environment").GetString()));
        Assert.Equal((4, 4), (state.GetProperty("trajectories").GetProperty("total").GetInt32(), state.GetProperty("trajectories").GetProperty("running").GetInt32()));

        foreach (TestSession session in sessions[..2])
        {
            await session.AskAsync([TestSession.User("Is it so?")]);
            await session.ControlAsync(HttpMethod.Post, "/reward", """{"components": {"right": 0.5, "short": 1}}""");
            await session.SealAsync("{}");
        }

        JsonElement lease = await LeaseAsync(gateway, rollout, "group");
        Assert.Equal([sessions[0].Id, sessions[1].Id], lease.GetProperty("trajectories").EnumerateArray().Select(trajectory => trajectory.GetProperty("id").GetString()));
        Assert.Equal(1.5, lease.GetProperty("trajectories")[0].GetProperty("reward").GetDouble());
        Assert.False(lease.GetProperty("exhausted").GetBoolean());
        await sessions[2].ControlAsync(HttpMethod.Delete);
        await sessions[3].SealAsync("{}");
        JsonElement ended = await gateway.WaitForAsync(rollout, "completed");
        Assert.Equal((3, 1), (ended.GetProperty("trajectories").GetProperty("completed").GetInt32(), ended.GetProperty("trajectories").GetProperty("aborted").GetInt32()));
        Assert.Equal(4, (await gateway.GetAsync("/v1/trajectories?environment=my-agent")).GetProperty("trajectories").GetArrayLength());
        JsonElement journal = await gateway.GetAsync($"/v1/trajectories/{sessions[0].Id}/journal");
        Assert.Equal(
            ["accepted", "started", "sequence_started", "turn_sampled", "turn_answered", "rewarded", "rewarded", "sealed", "leased"],
            journal.GetProperty("events").EnumerateArray().Select(value => value.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task A_stream_is_captured_while_it_flows_and_one_that_is_left_leaves_a_cut_turn()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession session = (await TestSession.StartAsync(gateway.Client)).Single();
        using (HttpResponseMessage whole = await session.PostAsync("openai/v1/chat/completions", """{"messages": [{"role": "user", "content": "Say it slowly."}], "stream": true}"""))
        {
            string[] pieces = (await whole.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("data: [DONE]", pieces[^1]);
            Assert.True(pieces.Length > 10);
        }

        using (HttpResponseMessage left = await session.PostAsync("openai/v1/chat/completions", """{"messages": [{"role": "user", "content": "Go on endlessly."}], "stream": true}"""))
        {
            Stream stream = await left.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            Assert.True(await stream.ReadAsync(new byte[64], TestContext.Current.CancellationToken) > 0);
        }

        while ((await session.StateAsync()).GetProperty("running").GetInt32() > 0)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Trajectory trajectory = await session.SealAsync();
        Assert.Equal([null, "new_conversation"], trajectory.Sequences.Select(sequence => sequence.StartedBecause));
        Assert.Equal(["stop", null], trajectory.Sequences.Select(sequence => sequence.Segments[^1].FinishReason));
        Assert.Equal(SegmentSource.Sampled, trajectory.Sequences[1].Segments[^1].Source);
        using HttpResponseMessage fork = await gateway.Client.PostAsync($"/v1/trajectories/{session.Id}/fork", TestSession.Json("""{"turn": 1}"""), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, fork.StatusCode);
    }

    [Theory]
    [InlineData("""{"reward": 1e999}""", "Reward 'reward' is larger")]
    [InlineData("""{"components": {"a": 1, "b": -1e999}}""", "Reward 'b' is larger")]
    [InlineData("""{"components": {"a": 1e308, "b": 1e308}}""", "add up to more")]
    [InlineData("""{"reward": 1, "components": {"a": 1}}""", "not both")]
    public async Task Rewards_that_no_trajectory_could_carry_are_refused_and_the_session_goes_on(string body, string expected)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession session = (await TestSession.StartAsync(gateway.Client)).Single();
        foreach (string path in (string[])["/reward", "/seal"])
            Assert.Contains(expected, (await session.ControlAsync(HttpMethod.Post, path, body, status: 400)).GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(0.5, (await session.SealAsync("""{"reward": 0.5}""")).Reward);
    }

    [Fact]
    public async Task Sealing_under_a_call_cuts_it()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession session = (await TestSession.StartAsync(gateway.Client)).Single();
        Task<HttpResponseMessage> asking = session.PostAsync("openai/v1/chat/completions", """{"messages": [{"role": "user", "content": "Go on endlessly."}]}""");
        while (gateway.Engine.Running == 0)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        await session.ControlAsync(HttpMethod.Delete);
        using HttpResponseMessage answer = await asking;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(TrajectoryStatus.Aborted, (await session.TrajectoryAsync()).Status);
        Assert.Equal("ended", (await session.StateAsync()).GetProperty("state").GetString());
        await session.ControlAsync(HttpMethod.Post, "/seal", status: 409);
        await session.ControlAsync(HttpMethod.Post, "/reward", """{"reward": 1}""", status: 409);
        using HttpResponseMessage late = await session.PostAsync("openai/v1/chat/completions", "{}");
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
    }

    [Fact]
    public async Task An_agent_has_the_key_of_its_session_and_no_other()
    {
        ApiKeyHash own = new() { Name = "trainer", Sha256 = Convert.ToHexString(SHA256.HashData("secret"u8)) };
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { ApiKeys = [own] });
        using HttpResponseMessage refused = await gateway.Client.PostAsync("/v1/sessions", null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        gateway.Client.DefaultRequestHeaders.Add("Authorization", "Bearer secret");
        TestSession[] sessions = await TestSession.StartAsync(gateway.Client, """{"samples_per_task": 2}""");
        gateway.Client.DefaultRequestHeaders.Remove("Authorization");
        const string body = """{"messages": [{"role": "user", "content": "Is it so?"}]}""";
        foreach ((string key, HttpStatusCode expected) in new[] { (sessions[0].Key, HttpStatusCode.OK), (sessions[1].Key, HttpStatusCode.Unauthorized), ("secret", HttpStatusCode.Unauthorized) })
        {
            using HttpResponseMessage answer = await sessions[0].PostAsync("openai/v1/chat/completions", body, key);
            Assert.Equal(expected, answer.StatusCode);
        }

        foreach (string path in new[] { $"/v1/sessions/{sessions[0].Id}", "/v1/sessions", $"/v1/trajectories/{sessions[0].Id}" })
        {
            using HttpRequestMessage request = new(HttpMethod.Get, path);
            request.Headers.Add("Authorization", $"Bearer {sessions[0].Key}");
            using HttpResponseMessage answer = await gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_request_that_is_sent_again_opens_nothing_and_gets_the_same_sessions()
    {
        await using TestGateway gateway = await TestGateway.StartAsync(new GatewayOptions { OpenSessions = 3 });
        (HttpStatusCode, string) first = await StartAsync("a"), again = await StartAsync("a"), other = await StartAsync("b");
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.Item1, again.Item1, other.Item1));
        Assert.Equal(first.Item2, again.Item2);
        Assert.Equal(2, (await gateway.GetAsync("/v1/sessions")).GetArrayLength());

        async Task<(HttpStatusCode, string)> StartAsync(string key)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/sessions") { Content = TestSession.Json("""{"samples_per_task": 2}""") };
            request.Headers.Add("Idempotency-Key", key);
            using HttpResponseMessage response = await gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Sessions_go_on_where_the_server_stopped()
    {
        string path = TestGateway.NewDatabase();
        GatewayOptions options = new();
        JsonArray messages = [TestSession.User("calculate")];
        TestSession[] sessions;
        await using (TestGateway gateway = await TestGateway.StartAsync(options, path))
        {
            sessions = await TestSession.StartAsync(gateway.Client, """{"samples_per_task": 2}""");
            JsonNode call = await sessions[0].AskAsync(messages, Tools);
            messages.Add(call);
            messages.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = call["tool_calls"]![0]!["id"]!.GetValue<string>(), ["content"] = "2" });
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(options, path))
        {
            JsonElement[] open = [.. (await gateway.GetAsync("/v1/sessions")).EnumerateArray()];
            Assert.Equal([1, 0], open.Select(session => session.GetProperty("turns").GetInt32()));
            using HttpRequestMessage request = new(HttpMethod.Post, $"/v1/sessions/{sessions[0].Id}/openai/v1/chat/completions")
            {
                Content = new StringContent($$"""{"messages": {{messages.ToJsonString()}}{{Tools}}}"""),
            };
            request.Headers.Add("Authorization", $"Bearer {sessions[0].Key}");
            using HttpResponseMessage answer = await gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.True(answer.IsSuccessStatusCode);
            foreach (TestSession session in sessions)
            {
                using HttpResponseMessage ended = await gateway.Client.PostAsync($"/v1/sessions/{session.Id}/seal", null, TestContext.Current.CancellationToken);
                Assert.True(ended.IsSuccessStatusCode);
            }

            await gateway.WaitForAsync(sessions[0].RolloutId, "completed");
            Trajectory trajectory = TrajectoryJson.Deserialize(await gateway.Client.GetByteArrayAsync($"/v1/trajectories/{sessions[0].Id}"));
            Assert.Null(TrajectoryAuditor.FindProblem(trajectory));
            Assert.Single(trajectory.Sequences);
            Assert.Equal("2", trajectory.ToolCalls.Single().Result);
        }
    }

    [Fact]
    public async Task Idle_sessions_are_truncated_and_those_of_a_cancelled_rollout_aborted()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession idle = (await TestSession.StartAsync(gateway.Client, """{"limits": {"idle_seconds": 0.01}}""")).Single();
        TestSession cancelled = (await TestSession.StartAsync(gateway.Client)).Single();
        using (await gateway.Client.DeleteAsync($"/v1/rollouts/{cancelled.RolloutId}", TestContext.Current.CancellationToken))
        {
        }

        await gateway.WaitForAsync(idle.RolloutId, "completed");
        await gateway.WaitForAsync(cancelled.RolloutId, "cancelled");
        Assert.Equal((TrajectoryStatus.Truncated, TrajectoryStatus.Aborted), ((await idle.TrajectoryAsync()).Status, (await cancelled.TrajectoryAsync()).Status));
    }

    [Theory]
    [InlineData("""{"tasks": []}""", "it must hold at least one task")]
    [InlineData("""{"tasks": [{"id": "a"}, {"id": "a"}]}""", "Task id 'a' is used twice.")]
    [InlineData("""{"tasks": [{"id": "a", "data": 1}]}""", "it must be an object")]
    [InlineData("""{"model": "other"}""", "Model 'other' is not served here")]
    [InlineData("""{"environment": " "}""", "Member 'environment' is empty")]
    [InlineData("""{"limits": {"max_tokens": 1000000}}""", "has a context of")]
    [InlineData("""{"limits": {"idle_seconds": 0}}""", "idle_seconds")]
    [InlineData("""{"secret": "x"}""", "Member 'secret' is unknown")]
    public async Task What_cannot_be_opened_is_refused_in_one_sentence(string body, string expected)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage response = await gateway.Client.PostAsync("/v1/sessions", TestSession.Json(body), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(expected, (await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"messages": []}""", "invalid_value")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "n": 2}""", "invalid_value")]
    [InlineData("""{"input_ids": [1]}""", "invalid_value")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "tools": [{"function": {"name": "f", "parameters": {"a": 1, "a": 2}}}]}""", "invalid_value")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "tools": [{"function": {"name": "f", "parameters": {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}}]}""", "invalid_value")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"a": {"b": 1, "b": 2}}}""", "invalid_value")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"a": 1, "a": 2}}}]}]}""", "invalid_value")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "stop": [""]}""", "invalid_value")]
    public async Task Calls_that_cannot_be_honoured_leave_no_turn(string body, string code)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession session = (await TestSession.StartAsync(gateway.Client)).Single();
        using HttpResponseMessage response = await session.PostAsync("openai/v1/chat/completions", body);
        JsonElement error = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).GetProperty("error");
        Assert.Equal((HttpStatusCode.BadRequest, code), (response.StatusCode, error.GetProperty("code").GetString()));
        Assert.Equal(0, (await session.StateAsync()).GetProperty("turns").GetInt32());
    }

    [Fact]
    public async Task Malformed_arguments_come_back_as_they_were_shown()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession session = (await TestSession.StartAsync(gateway.Client)).Single();
        JsonArray messages = [TestSession.User("calculate")];
        JsonNode cut = await session.AskAsync(messages, Tools + """, "max_tokens": 30""");
        messages.Add(cut);
        messages.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = cut["tool_calls"]?[0]?["id"]?.GetValue<string>() ?? "none", ["content"] = "Error: bad arguments." });
        await session.AskAsync(messages, Tools);
        Trajectory trajectory = await session.SealAsync();
        Assert.Single(trajectory.Sequences);
        Assert.Equal(1, (await session.StateAsync()).GetProperty("drift").GetProperty("continued").GetInt32());
    }

    [Fact]
    public async Task Anthropics_protocol_joins_one_trajectory_too()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        TestSession session = (await TestSession.StartAsync(gateway.Client)).Single();
        const string tools = """[{"name": "calculator", "description": "Computes.", "input_schema": {"type": "object", "properties": {"expression": {"type": "string"}}}}]""";
        JsonArray messages = [TestSession.User("calculate")];
        JsonNode first = await AnswerAsync();
        messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = first["content"]!.DeepClone() });
        messages.Add(new JsonObject
        {
            ["role"] = "user",
            ["content"] = new JsonArray(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = first["content"]![0]!["id"]!.GetValue<string>(), ["content"] = "2" }),
        });
        Assert.Equal("end_turn", (await AnswerAsync())["stop_reason"]!.GetValue<string>());
        Trajectory trajectory = await session.SealAsync();
        Assert.Single(trajectory.Sequences);
        Assert.Equal((2, "2"), (trajectory.Turns, trajectory.ToolCalls.Single().Result));

        async Task<JsonNode> AnswerAsync()
        {
            using HttpResponseMessage response = await session.PostAsync("anthropic/v1/messages", $$"""{"model": "claude", "max_tokens": 100, "tools": {{tools}}, "messages": {{messages.ToJsonString()}}}""");
            string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True(response.IsSuccessStatusCode, text);
            return JsonNode.Parse(text)!;
        }
    }

    private static async Task<JsonElement> LeaseAsync(TestGateway gateway, string rollout, string unit)
    {
        using HttpResponseMessage response = await gateway.Client.PostAsync(
            $"/v1/rollouts/{rollout}/leases", new StringContent($$"""{"unit": "{{unit}}"}""", Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }
}
