using System.Globalization;
using System.Text;
using AgentRollout.Tools.Sandbox;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Attacks;

/// <summary>What holds of a sandbox that a model attacks, whatever makes it.</summary>
public abstract class SandboxAttackContract
{
    private const long MiB = 1024 * 1024;

    private static readonly SandboxPoolOptions Options = new()
    {
        Warm = 0,
        Sandbox = new()
        {
            MemoryMib = 128, Pids = 32, OpenFiles = 64, WorkspaceMib = 16, TmpMib = 8, SharedMemoryMib = 8, CallTimeoutSeconds = 1, MaxOutputBytes = 4_096,
        },
    };

    private static readonly SandboxPoolOptions Patient = Options with { Sandbox = Options.Sandbox with { CallTimeoutSeconds = 20 } };

    public static TheoryData<string> Names => [.. AttackSuite.All.Select(attack => attack.Name)];

    /// <summary>The runtime, or a skip of the running test.</summary>
    protected abstract Task<ISandboxRuntime> OpenAsync();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task It_is_contained_and_the_trajectory_goes_on(string name)
    {
        Attack attack = AttackSuite.All.Single(each => each.Name == name);
        ISandboxRuntime runtime = await OpenAsync();
        using IDisposable? closing = runtime as IDisposable;
        // Only what must run into the time limit is to have a short one, so that no other result depends on the machine's speed.
        SandboxPoolOptions options = attack.Told.Contains(AttackSuite.Timeout, StringComparison.Ordinal) ? Options : Patient;
        await using SandboxPool pool = new(runtime, options, TimeProvider.System, NullLogger<SandboxPool>.Instance);
        await TellAsync(pool, new("", "shell", "ln -s /etc/passwd link; ln -s /tmp out", ""));
        (long memory, long disk) = Host();
        string told = await TellAsync(pool, attack);
        Assert.Matches(attack.Told, told);
        Assert.DoesNotContain("BROKEN", told, StringComparison.Ordinal);
        Assert.EndsWith("2", await TellAsync(pool, new("", "python", "1 + 1", "")), StringComparison.Ordinal);
        (long memoryAfter, long diskAfter) = Host();
        Assert.InRange(memory - memoryAfter, long.MinValue, 768 * MiB);
        Assert.InRange(disk - diskAfter, long.MinValue, 768 * MiB);
    }

    [Fact]
    public async Task A_trajectory_finds_neither_the_files_of_another_nor_what_the_server_knows()
    {
        string secret = $"planted-{Guid.NewGuid():N}";
        Environment.SetEnvironmentVariable("AGENTROLLOUT_TEST_PLANTED", secret);
        ISandboxRuntime runtime = await OpenAsync();
        using IDisposable? closing = runtime as IDisposable;
        await using SandboxPool pool = new(runtime, Patient, TimeProvider.System, NullLogger<SandboxPool>.Instance);
        string hidden = string.Join(';', new[] { "/workspace", "/tmp", "/dev/shm" }.Select(folder => $"echo {secret} >{folder}/{secret}"));
        Assert.DoesNotContain("denied", await TellAsync(pool, new("", "shell", hidden + $"; sleep 600 {secret} >/dev/null 2>&1 &", ""), "other"), StringComparison.Ordinal);
        // The word is put together in the program, which else would find itself.
        string search =
            $$"""
            import glob, os
            word = 'planted-' + '{{secret["planted-".Length..]}}'
            seen, found = 0, []
            def look(path):
                global seen
                try:
                    if word in path or os.path.isfile(path) and word.encode() in open(path, 'rb').read(1 << 16): found.append(path)
                    seen += 1
                except OSError: pass
            for root in ['/workspace', '/tmp', '/dev', '/run', '/mnt', '/home', '/root', '/var', '/srv', *glob.glob('/proc/[0-9]*/root/[wtm]*'), *glob.glob('/proc/[0-9]*/cwd')]:
                for folder, folders, files in os.walk(root):
                    for name in folders + files: look(os.path.join(folder, name))
            for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline') + ['/proc/mounts', '/proc/cmdline', '/proc/self/mountinfo']: look(path)
            look(' '.join(os.environ.values()))
            [seen > 5, found]
            """;
        Assert.Equal("[True, []]", await TellAsync(pool, new("", "python", search, "")));
        Assert.Equal(secret, (await TellAsync(pool, new("", "read", secret, ""), "other")).Trim());
    }

    private static async Task<string> TellAsync(SandboxPool pool, Attack attack, string trajectory = "t")
    {
        try
        {
            return await pool.Lease(trajectory).RunAsync((session, cancel) => RunAsync(session, attack, pool.Limits, cancel), TestContext.Current.CancellationToken);
        }
        catch (ToolException refusal)
        {
            return refusal.Message;
        }
    }

    private static async Task<string> RunAsync(SandboxSession session, Attack attack, SandboxOptions limits, CancellationToken cancel) => attack.Tool switch
    {
        "python" => SandboxText.OfPython(await session.RunPythonAsync(attack.Input, cancel), limits),
        "shell" => SandboxText.OfShell(await session.RunShellAsync(attack.Input, cancel), limits),
        "read" => SandboxText.OfFile(await session.ReadFileAsync(attack.Input, cancel), limits, reply => Encoding.UTF8.GetString(reply.Content!)),
        _ => SandboxText.OfFile(await session.WriteFileAsync(attack.Input, [1], cancel), limits, _ => "BROKEN"),
    };

    /// <summary>The machine's available memory and free disk in bytes. Whatever else runs on it moves them a little; no attack asks for less than a gigabyte.</summary>
    private static (long Memory, long Disk) Host()
    {
        string line = File.ReadLines("/proc/meminfo").First(each => each.StartsWith("MemAvailable", StringComparison.Ordinal));
        long memory = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        return (memory, new DriveInfo("/").AvailableFreeSpace);
    }
}
