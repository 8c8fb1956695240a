using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Bubblewrap;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Bubblewrap;

/// <summary>What is written where, in folders that look like the kernel's.</summary>
public sealed class ControlGroupsTests : IDisposable
{
    private static readonly SandboxOptions Limits = new() { MemoryMib = 64, Pids = 20, Cpus = 0.5 };

    private readonly string _mount = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_mount, recursive: true);

    [Fact]
    public async Task Version_2_has_one_folder_with_every_limit()
    {
        await File.WriteAllTextAsync(Path.Combine(_mount, "cgroup.controllers"), "cpu memory pids");
        ControlGroup group = await new ControlGroups(_mount).CreateAsync("a", Limits);
        string folder = Path.Combine(_mount, "agentrollout");
        Assert.Equal("+memory +pids +cpu", Read("cgroup.subtree_control"));
        Assert.Equal("+memory +pids +cpu", Read("agentrollout", "cgroup.subtree_control"));
        Assert.Equal(("67108864", "22", "50000 100000"), (Read(folder, "a", "memory.max"), Read(folder, "a", "pids.max"), Read(folder, "a", "cpu.max")));
        Assert.Equal([Path.Combine(folder, "a", "cgroup.procs")], group.JoinFiles);
    }

    [Fact]
    public async Task Version_1_has_a_folder_for_each_controller()
    {
        foreach (string controller in new[] { "memory", "pids", "cpu" })
            Directory.CreateDirectory(Path.Combine(_mount, controller));
        ControlGroup group = await new ControlGroups(_mount).CreateAsync("a", Limits);
        Assert.Equal(
            ("67108864", "22", "100000", "50000"),
            (Read("memory", "agentrollout", "a", "memory.limit_in_bytes"), Read("pids", "agentrollout", "a", "pids.max"),
                Read("cpu", "agentrollout", "a", "cpu.cfs_period_us"), Read("cpu", "agentrollout", "a", "cpu.cfs_quota_us")));
        Assert.Equal(3, group.JoinFiles.Count());
    }

    [Fact]
    public void Where_none_are_mounted_the_sentence_says_what_to_do()
    {
        SandboxException error = Assert.Throws<SandboxException>(() => new ControlGroups(_mount));
        Assert.Contains("run the server as root", error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{Path.Combine(_mount, "memory")}' is not mounted.", error.Message, StringComparison.Ordinal);
    }

    private string Read(params string[] path) => File.ReadAllText(Path.Combine([_mount, .. path]));
}
