using AgentRollout.Environments.Trajectories;
using AgentRollout.Gateway.Commands;
using AgentRollout.Gateway.Tests.Storage;
using Xunit;

namespace AgentRollout.Gateway.Tests.Commands;

public sealed class AuditCommandTests
{
    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public async Task Every_trajectory_is_checked_and_each_broken_one_is_named()
    {
        Trajectory good = TestTrajectory.Create("r", 0);
        Trajectory changed = TestTrajectory.Create("r", 1) with { Digest = good.Digest[..^1] + (good.Digest[^1] == '0' ? '1' : '0') };
        await WriteAsync(TrajectoryJson.Serialize(good), TrajectoryJson.Serialize(changed), TrajectoryJson.Serialize(good));

        CommandResult result = await CommandLineRunner.RunAsync("audit", _path);

        Assert.Equal(ExitCodes.Failure, result.ExitCode);
        Assert.StartsWith("r-0-1: The digest is ", result.Output, StringComparison.Ordinal);
        Assert.Contains("r-0-0: Its id was used before.", result.Output, StringComparison.Ordinal);
        Assert.Equal("3 checked, 2 broken.", result.Lines[^1]);
    }

    [Fact]
    public async Task A_file_without_trajectories_is_wrong_usage()
    {
        CommandResult result = await CommandLineRunner.RunAsync("audit", _path);

        Assert.Equal((ExitCodes.Usage, $"File '{_path}' holds no trajectory.{Environment.NewLine}"), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_line_that_is_no_trajectory_fails_the_audit_by_its_number()
    {
        await WriteAsync(TrajectoryJson.Serialize(TestTrajectory.Create("r", 0)), "nonsense");

        CommandResult result = await CommandLineRunner.RunAsync("audit", _path);

        Assert.Equal(ExitCodes.Failure, result.ExitCode);
        Assert.StartsWith($"{_path}, line 2 is not a trajectory", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trajectory_of_another_model_is_told_apart()
    {
        await WriteAsync(TrajectoryJson.Serialize(TestTrajectory.Create("r", 0)));

        CommandResult result = await CommandLineRunner.RunAsync("audit", _path, "--model", ModelFolder.Find(null));

        Assert.Equal(ExitCodes.Failure, result.ExitCode);
        Assert.Contains("It was made with the tokenizer sha256:0", result.Output, StringComparison.Ordinal);
    }

    private Task WriteAsync(params string[] lines) => File.WriteAllLinesAsync(_path, lines);
}
