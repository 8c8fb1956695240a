using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;
using AgentRollout.Gateway.Tests.Rollouts;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace AgentRollout.Gateway.Tests.Delivery;

/// <summary>Leases over REST and SignalR, on the real server with a scripted engine.</summary>
public sealed class LeaseEndpointsTests
{
    [Fact]
    public async Task A_trainer_takes_groups_until_the_rollout_is_exhausted()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q", samples: 3, tasks: 4));
        HashSet<string> seen = [];
        while (true)
        {
            JsonElement lease = await TakeAsync(gateway, id, new { unit = "group", count = 2, wait_seconds = 20, advantages = "dr_grpo" });
            if (lease.GetProperty("exhausted").GetBoolean())
                break;
            JsonElement[] trajectories = [.. lease.GetProperty("trajectories").EnumerateArray()];
            JsonElement[] groups = [.. lease.GetProperty("groups").EnumerateArray()];
            Assert.Equal(
                trajectories.Select(trajectory => trajectory.GetProperty("id").GetString()),
                groups.SelectMany(group => group.GetProperty("trajectory_ids").EnumerateArray()).Select(trajectory => trajectory.GetString()));
            Assert.All(groups, group => Assert.Equal([0, 0, 0], group.GetProperty("advantages").EnumerateArray().Select(advantage => advantage.GetDouble())));
            Assert.All(trajectories, trajectory => Assert.True(seen.Add(trajectory.GetProperty("id").GetString()!)));
            JsonElement ended = await PostAsync(gateway, $"/v1/leases/{lease.GetProperty("lease_id").GetString()}/ack");
            Assert.Equal((trajectories.Length, 0), (ended.GetProperty("acknowledged").GetInt32(), ended.GetProperty("lost").GetInt32()));
        }

        Assert.Equal(12, seen.Count);
        Assert.Equal(12, (await gateway.GetAsync($"/v1/rollouts/{id}")).GetProperty("delivery").GetProperty("acknowledged").GetInt32());
    }

    [Fact]
    public async Task A_request_waits_for_the_first_trajectory_and_for_what_another_gives_back()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("slowly"));
        Assert.Equal(JsonValueKind.Null, (await TakeAsync(gateway, id, new { })).GetProperty("lease_id").ValueKind);
        JsonElement first = await TakeAsync(gateway, id, new { wait_seconds = 20 });
        Task<JsonElement> second = TakeAsync(gateway, id, new { wait_seconds = 20 });
        Assert.NotSame(second, await Task.WhenAny(second, Task.Delay(200)));
        using HttpResponseMessage released = await gateway.Client.PostAsync($"/v1/leases/{first.GetProperty("lease_id").GetString()}/release", null);
        Assert.Equal(HttpStatusCode.NoContent, released.StatusCode);
        Assert.Equal(
            first.GetProperty("trajectories")[0].GetRawText(), (await second).GetProperty("trajectories")[0].GetRawText());
    }

    [Fact]
    public async Task A_lease_that_expires_while_somebody_waits_goes_to_them()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q"));
        await gateway.WaitForAsync(id, "completed");
        JsonElement first = await TakeAsync(gateway, id, new { seconds = 1 });
        JsonElement second = await TakeAsync(gateway, id, new { wait_seconds = 20 });
        Assert.NotEqual(JsonValueKind.Null, second.GetProperty("lease_id").ValueKind);
        JsonElement late = await PostAsync(gateway, $"/v1/leases/{first.GetProperty("lease_id").GetString()}/ack");
        Assert.Equal((0, 1), (late.GetProperty("acknowledged").GetInt32(), late.GetProperty("lost").GetInt32()));
        using HttpResponseMessage extended = await gateway.Client.PostAsync($"/v1/leases/{first.GetProperty("lease_id").GetString()}/extend", null);
        Assert.Equal(HttpStatusCode.Conflict, extended.StatusCode);
    }

    [Fact]
    public async Task Leases_survive_a_restart_of_the_server()
    {
        string path = TestGateway.NewDatabase();
        string id, lease;
        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            id = await gateway.AcceptAsync(TestGateway.Request("q", samples: 2));
            await gateway.WaitForAsync(id, "completed");
            lease = (await TakeAsync(gateway, id, new { count = 1 })).GetProperty("lease_id").GetString()!;
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(path: path))
        {
            JsonElement other = await TakeAsync(gateway, id, new { count = 2 });
            Assert.Equal(1, other.GetProperty("trajectories").GetArrayLength());
            Assert.Equal(1, (await PostAsync(gateway, $"/v1/leases/{lease}/ack")).GetProperty("acknowledged").GetInt32());
        }
    }

    [Theory]
    [InlineData("""{"unit":"trajectory","advantages":"grpo"}""", "Member 'advantages' needs 'unit' to be group")]
    [InlineData("""{"filters":{"drop_equal_rewards":true}}""", "need 'unit' to be group")]
    [InlineData("""{"unit":"group","filters":{"min_group_size":9}}""", "Member 'filters.min_group_size' is 9; the rollout's groups have 1 trajectories.")]
    [InlineData("""{"filters":{"statuses":[]}}""", "Member 'filters.statuses' is empty")]
    [InlineData("""{"filters":{"statuses":["done"]}}""", "Member 'filters.statuses[0]' is \"done\"; it must be one of completed, truncated, aborted, failed.")]
    [InlineData("""{"unit":"task"}""", "Member 'unit' is \"task\"; it must be one of trajectory, group.")]
    [InlineData("""{"seconds":0}""", "Member 'seconds' is 0; it must be at least 1 and at most 86400.")]
    public async Task A_request_that_makes_no_sense_is_refused(string body, string detail)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q"));
        using HttpResponseMessage response = await gateway.Client.PostAsync(
            $"/v1/rollouts/{id}/leases", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        await RolloutEndpointsTests.AssertProblemAsync(response, HttpStatusCode.BadRequest, "invalid_value", detail);
    }

    [Fact]
    public async Task Unknown_rollouts_and_leases_are_named()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        using HttpResponseMessage rollout = await gateway.Client.PostAsync("/v1/rollouts/nobody/leases", null);
        await RolloutEndpointsTests.AssertProblemAsync(rollout, HttpStatusCode.NotFound, "unknown_rollout", "Rollout 'nobody' is unknown.");
        foreach (string verb in (string[])["ack", "release", "extend"])
        {
            using HttpResponseMessage lease = await gateway.Client.PostAsync($"/v1/leases/nobody/{verb}", null);
            await RolloutEndpointsTests.AssertProblemAsync(lease, HttpStatusCode.NotFound, "unknown_lease", "Lease 'nobody' is unknown.");
        }
    }

    [Theory]
    [InlineData("left")]
    [InlineData("right")]
    public async Task A_batch_holds_what_the_trajectories_hold(string padding)
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(
            """{"environment":"tools","tasks":[{"id":"a","data":{"question":"q"}},{"id":"b","data":{"question":"calculate this please"}}],"samples_per_task":2,"seed":1,"limits":{"max_turns":2}}""");
        await gateway.WaitForAsync(id, "completed");
        HttpRequestMessage request = new(HttpMethod.Post, $"/v1/rollouts/{id}/leases")
        {
            Content = JsonContent.Create(new { unit = "group", padding, advantages = "rloo", pad_token_id = 9 }),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/vnd.safetensors"));
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        byte[] file = await response.Content.ReadAsByteArrayAsync();
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonElement header = JsonElement.Parse(file.AsSpan(8, length));
        JsonElement metadata = header.GetProperty("__metadata__");
        string[] ids = [.. JsonElement.Parse(metadata.GetProperty("trajectory_ids").GetString()!).EnumerateArray().Select(name => name.GetString()!)];
        Assert.Equal(4, ids.Length);
        int longest = header.GetProperty("input_ids").GetProperty("shape")[1].GetInt32();
        float[] rewards = Values<float>("rewards"), advantages = Values<float>("advantages");
        for (int row = 0; row < ids.Length; row++)
        {
            JsonElement trajectory = await gateway.GetAsync($"/v1/trajectories/{ids[row]}");
            JsonElement sequence = trajectory.GetProperty("sequences")[0];
            int[] tokens = [.. sequence.GetProperty("token_ids").EnumerateArray().Select(token => token.GetInt32())];
            int pad = longest - tokens.Length, front = padding == "left" ? pad : 0;
            Assert.Equal([.. Enumerable.Repeat(9L, front), .. tokens.Select(token => (long)token), .. Enumerable.Repeat(9L, pad - front)], Row<long>("input_ids", row));
            Assert.Equal([.. new long[front], .. Enumerable.Repeat(1L, tokens.Length), .. new long[pad - front]], Row<long>("attention_mask", row));
            Assert.Equal([.. new long[front], .. Enumerable.Range(0, tokens.Length).Select(i => (long)i), .. new long[pad - front]], Row<long>("position_ids", row));
            long[] mask = [.. sequence.GetProperty("loss_mask").EnumerateArray().Select(one => one.GetInt64())];
            Assert.Equal([.. new long[front], .. mask, .. new long[pad - front]], Row<long>("loss_mask", row));
            float[] logprobs = [.. sequence.GetProperty("logprobs").EnumerateArray().Select(one => one.ValueKind == JsonValueKind.Null ? 0 : one.GetSingle())];
            Assert.Equal([.. new float[front], .. logprobs, .. new float[pad - front]], Row<float>("logprobs", row));
            Assert.Equal(mask.Select(one => one - 1), Row<long>("weight_versions", row)[front..(front + tokens.Length)]);
            Assert.Equal(trajectory.GetProperty("reward").GetSingle(), rewards[row]);
            Assert.Equal(0, advantages[row]);
            Assert.Equal(row / 2, Values<long>("group_index")[row]);
            Assert.Equal(row, Values<long>("trajectory_index")[row]);
        }

        Assert.Contains(pads(), pad => pad > 0);
        string lease = JsonElement.Parse(metadata.GetProperty("lease").GetString()!).GetProperty("lease_id").GetString()!;
        Assert.Equal(4, (await PostAsync(gateway, $"/v1/leases/{lease}/ack")).GetProperty("acknowledged").GetInt32());

        IEnumerable<int> pads() => Enumerable.Range(0, ids.Length).Select(row => Row<long>("attention_mask", row).Count(one => one == 0));
        T[] Values<T>(string name) where T : unmanaged
        {
            int[] offsets = [.. header.GetProperty(name).GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
            return MemoryMarshal.Cast<byte, T>(file.AsSpan(8 + length)[offsets[0]..offsets[1]]).ToArray();
        }

        T[] Row<T>(string name, int row) where T : unmanaged => Values<T>(name)[(row * longest)..((row + 1) * longest)];
    }

    [Fact]
    public async Task Lines_begin_with_the_lease_and_are_compressed_for_who_asks()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q", samples: 20));
        await gateway.WaitForAsync(id, "completed");
        HttpRequestMessage request = new(HttpMethod.Post, $"/v1/rollouts/{id}/leases") { Content = JsonContent.Create(new { }) };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-ndjson"));
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        Assert.Equal("gzip", Assert.Single(response.Content.Headers.ContentEncoding));
        using StreamReader reader = new(new System.IO.Compression.GZipStream(await response.Content.ReadAsStreamAsync(), System.IO.Compression.CompressionMode.Decompress));
        string[] lines = (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(21, lines.Length);
        Assert.Equal(20, JsonElement.Parse(lines[0]).GetProperty("delivery").GetProperty("leased").GetInt32());
        Assert.Equal(20, lines.Skip(1).Select(line => JsonElement.Parse(line).GetProperty("id").GetString()).Distinct().Count());
    }

    [Fact]
    public async Task A_trainer_that_does_not_acknowledge_holds_the_rollout_up()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string request = TestGateway.Request("q", samples: 2, tasks: 10);
        string id = await gateway.AcceptAsync(request.Insert(request.Length - 1, ",\"delivery\":{\"max_unacknowledged\":4}"));
        List<string> leases = [];
        for (int taken = 0; taken < 20;)
        {
            JsonElement lease = await TakeAsync(gateway, id, new { wait_seconds = 20, count = 4 });
            taken += lease.GetProperty("trajectories").GetArrayLength();
            leases.Add(lease.GetProperty("lease_id").GetString()!);
            await Task.Delay(100);
            JsonElement counts = (await gateway.GetAsync($"/v1/rollouts/{id}")).GetProperty("delivery");
            Assert.InRange(counts.GetProperty("available").GetInt32() + counts.GetProperty("leased").GetInt32(), 0, 4);
            if (taken % 2 == 0)
            {
                foreach (string held in leases)
                    await PostAsync(gateway, $"/v1/leases/{held}/ack");
                leases.Clear();
            }
        }

        await gateway.WaitForAsync(id, "completed");
        using HttpResponseMessage refused = await gateway.PostAsync(request.Insert(request.Length - 1, ",\"delivery\":{\"max_unacknowledged\":1}"));
        await RolloutEndpointsTests.AssertProblemAsync(refused, HttpStatusCode.BadRequest, "invalid_value", "Member 'delivery.max_unacknowledged' is 1; it must be at least 'samples_per_task', which is 2");
    }

    [Fact]
    public async Task Over_SignalR_a_client_gets_as_many_as_its_window_and_what_it_leaves_goes_to_the_next()
    {
        await using TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("q", samples: 6));
        await gateway.WaitForAsync(id, "completed");
        HashSet<string> done = [];
        await using (HubConnection first = await gateway.ConnectAsync())
        {
            await using IAsyncEnumerator<JsonElement> stream = first.StreamAsync<JsonElement>("Deliver", id, 2).GetAsyncEnumerator();
            Assert.True(await stream.MoveNextAsync());
            JsonElement taken = stream.Current;
            Assert.True(await stream.MoveNextAsync());
            ValueTask<bool> third = stream.MoveNextAsync();
            await Task.Delay(300);
            Assert.False(third.IsCompleted);
            done.Add(taken.GetProperty("trajectory").GetProperty("id").GetString()!);
            await first.InvokeAsync<JsonElement>("Acknowledge", taken.GetProperty("lease_id").GetString());
            Assert.True(await third);
        }

        await using HubConnection second = await gateway.ConnectAsync();
        await foreach (JsonElement taken in second.StreamAsync<JsonElement>("Deliver", id, 8))
        {
            Assert.True(done.Add(taken.GetProperty("trajectory").GetProperty("id").GetString()!));
            await second.InvokeAsync<JsonElement>("Acknowledge", taken.GetProperty("lease_id").GetString());
        }

        Assert.Equal(6, done.Count);
    }

    private static async Task<JsonElement> TakeAsync(TestGateway gateway, string id, object body)
    {
        using HttpResponseMessage response = await gateway.Client.PostAsJsonAsync($"/v1/rollouts/{id}/leases", body);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<JsonElement> PostAsync(TestGateway gateway, string path)
    {
        using HttpResponseMessage response = await gateway.Client.PostAsync(path, null);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }
}
