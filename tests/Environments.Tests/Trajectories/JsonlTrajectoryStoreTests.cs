using AgentRollout.Environments.Trajectories;
using Xunit;

namespace AgentRollout.Environments.Tests.Trajectories;

public sealed class JsonlTrajectoryStoreTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public async Task What_was_appended_is_found_and_read_in_order_while_the_file_is_open()
    {
        Trajectory first = await PlayAsync();
        Trajectory second = first with { Id = "r-0-1" };
        Trajectory other = first with { Id = "q-0-0", RolloutId = "q" };
        await using JsonlTrajectoryStore store = JsonlTrajectoryStore.Create(_path);
        foreach (Trajectory trajectory in (Trajectory[])[first, other, second])
            await store.AppendAsync(trajectory, CancellationToken.None);

        Assert.Equal("r-0-1", (await store.FindAsync("r-0-1", CancellationToken.None))!.Id);
        Assert.Null(await store.FindAsync("nobody", CancellationToken.None));
        Assert.Equal(["r-0-0", "r-0-1"], await store.ReadAsync("r", CancellationToken.None).Select(trajectory => trajectory.Id).ToListAsync());
    }

    [Fact]
    public async Task A_second_trajectory_of_one_id_is_refused()
    {
        Trajectory trajectory = await PlayAsync();
        await using JsonlTrajectoryStore store = JsonlTrajectoryStore.Create(_path);
        await store.AppendAsync(trajectory, CancellationToken.None);

        await Assert.ThrowsAsync<InvalidOperationException>(() => store.AppendAsync(trajectory, CancellationToken.None).AsTask());
        Assert.Single(await store.ReadAsync("r", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_broken_line_is_named_with_its_file_and_number()
    {
        await File.WriteAllTextAsync(_path, TrajectoryJson.Serialize(await PlayAsync()) + "\n\n{\"schema\": 1}\n");

        InvalidDataException exception = await Assert.ThrowsAsync<InvalidDataException>(
            async () => await JsonlTrajectoryStore.ReadFileAsync(_path, CancellationToken.None).ToListAsync());

        Assert.StartsWith($"{_path}, line 3 ", exception.Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_path);

    private static async Task<Trajectory> PlayAsync()
    {
        using TestPolicy policy = TestPolicy.Saying([], "6");
        return await policy.PlayAsync(TestEnvironment.Expecting("6"));
    }
}
