using System.Text.Json;
using Xunit;

namespace AgentRollout.Gateway.Tests.Rollouts;

public sealed class RestartTests
{
    [Fact]
    public async Task A_rollout_goes_on_where_the_server_stopped_without_playing_finished_trajectories_again()
    {
        string path = TestGateway.NewDatabase();
        GatewayOptions options = new() { ConcurrentRollouts = 1 };
        string running;
        string waiting;
        byte[] finished;
        await using (TestGateway gateway = await TestGateway.StartAsync(options, path))
        {
            running = await gateway.AcceptAsync(
                """{"environment":"plain","tasks":[{"id":"fast","data":{"question":"q"}},{"id":"slow","data":{"question":"slowly"}}]}""");
            waiting = await gateway.AcceptAsync(TestGateway.Request("q"));
            while ((await gateway.GetAsync($"/v1/rollouts/{running}")).GetProperty("trajectories").GetProperty("completed").GetInt32() == 0)
                await Task.Delay(10);
            finished = await gateway.Client.GetByteArrayAsync($"/v1/trajectories/{running}-0-0");
        }

        await using (TestGateway gateway = await TestGateway.StartAsync(options, path))
        {
            JsonElement rollout = await gateway.WaitForAsync(running, "completed");
            await gateway.WaitForAsync(waiting, "completed");

            Assert.Equal(2, rollout.GetProperty("trajectories").GetProperty("completed").GetInt32());
            Assert.Equal(finished, await gateway.Client.GetByteArrayAsync($"/v1/trajectories/{running}-0-0"));
            Assert.Equal(2, gateway.Engine.Requests.Count);
        }
    }

    [Fact]
    public async Task The_server_stops_within_seconds_while_rollouts_play()
    {
        TestGateway gateway = await TestGateway.StartAsync();
        string id = await gateway.AcceptAsync(TestGateway.Request("endlessly", samples: 8));
        await gateway.WaitForRunningAsync(id);
        long started = TimeProvider.System.GetTimestamp();

        await gateway.DisposeAsync();

        Assert.InRange(TimeProvider.System.GetElapsedTime(started).TotalSeconds, 0, 4);
    }
}
