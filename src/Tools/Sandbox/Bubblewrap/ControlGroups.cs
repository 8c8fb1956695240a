using System.Globalization;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>The machine's control groups, of version 2 or 1, whichever is mounted with the controllers of memory, processes and processors.</summary>
internal sealed class ControlGroups
{
    private const string Parent = "agentrollout";
    private const string MountPoint = "/sys/fs/cgroup";
    private const long PeriodMicroseconds = 100_000;
    private const long MinQuotaMicroseconds = 1_000;

    /// <summary>Processes of the launch that stay outside: the shell that waits, and Bubblewrap.</summary>
    private const int OwnProcesses = 2;

    private static readonly string[] Controllers = ["memory", "pids", "cpu"];

    private readonly bool _unified;

    /// <summary>The folders that hold one folder of each sandbox.</summary>
    private readonly string[] _parents;

    /// <param name="mountPoint">Where control groups are mounted.</param>
    /// <exception cref="SandboxException">They are not there, or cannot be written.</exception>
    public ControlGroups(string mountPoint = MountPoint)
    {
        try
        {
            _unified = File.Exists(Path.Combine(mountPoint, "cgroup.controllers"));
            _parents = _unified ? [Path.Combine(mountPoint, Parent)] : [.. Controllers.Select(controller => Path.Combine(mountPoint, controller, Parent))];
            foreach (string parent in _parents)
            {
                if (!Directory.Exists(Path.GetDirectoryName(parent)))
                    throw new IOException($"'{Path.GetDirectoryName(parent)}' is not mounted.");
            }

            if (_unified)
                Delegate(mountPoint);
            foreach (string parent in _parents)
                Directory.CreateDirectory(parent);
            if (_unified)
                Delegate(_parents[0]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SandboxException(
                $"Bubblewrap sandboxes need control groups that this process may write, for their limits; run the server as root, and in a container with '{mountPoint}' writable: {error.Message}", error);
        }
    }

    /// <summary>Makes the group of a sandbox, with its limits.</summary>
    /// <exception cref="SandboxException">A limit cannot be set; nothing is left.</exception>
    public async Task<ControlGroup> CreateAsync(string name, SandboxOptions options)
    {
        ControlGroup group = Open(name);
        try
        {
            foreach (string parent in _parents)
                Directory.CreateDirectory(Path.Combine(parent, name));
            foreach ((string file, string value) in _unified ? Limits(options) : LimitsOfVersion1(options))
                await File.WriteAllTextAsync(Locate(name, file), value);
            ForbidSwap(name, options);
            return group;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            await group.RemoveAsync();
            throw new SandboxException($"The limits of a sandbox cannot be set: {error.Message}", error);
        }
    }

    /// <summary>All there are, whoever made them.</summary>
    public IEnumerable<ControlGroup> List() =>
        _parents.SelectMany(Directory.EnumerateDirectories).Select(folder => Path.GetFileName(folder)).Distinct(StringComparer.Ordinal).Select(Open);

    private ControlGroup Open(string name) => new(name, [.. _parents.Select(parent => Path.Combine(parent, name))]);

    private static void Delegate(string folder) =>
        File.WriteAllText(Path.Combine(folder, "cgroup.subtree_control"), string.Join(' ', Controllers.Select(controller => "+" + controller)));

    private static (string File, string Value)[] Limits(SandboxOptions options) =>
    [
        ("memory.max", Bytes(options)),
        ("pids.max", Pids(options)),
        ("cpu.max", $"{Quota(options)} {Text(PeriodMicroseconds)}"),
    ];

    private static (string File, string Value)[] LimitsOfVersion1(SandboxOptions options) =>
    [
        ("memory.limit_in_bytes", Bytes(options)),
        ("pids.max", Pids(options)),
        ("cpu.cfs_period_us", Text(PeriodMicroseconds)),
        ("cpu.cfs_quota_us", Quota(options)),
    ];

    /// <summary>Kernels that do not count swap have no file for it; version 1 can then still keep a group from swapping.</summary>
    private void ForbidSwap(string name, SandboxOptions options)
    {
        (string File, string Value)[] ways = _unified ? [("memory.swap.max", "0")] : [("memory.memsw.limit_in_bytes", Bytes(options)), ("memory.swappiness", "0")];
        foreach ((string file, string value) in ways)
        {
            string path = Locate(name, file);
            if (!File.Exists(path))
                continue;
            File.WriteAllText(path, value);
            return;
        }
    }

    private string Locate(string name, string file) =>
        Path.Combine(_parents[_unified ? 0 : Array.IndexOf(Controllers, file[..file.IndexOf('.', StringComparison.Ordinal)])], name, file);

    private static string Bytes(SandboxOptions options) => Text(options.MemoryMib * 1024L * 1024);

    private static string Pids(SandboxOptions options) => Text(options.Pids + OwnProcesses);

    private static string Quota(SandboxOptions options) => Text(Math.Max(MinQuotaMicroseconds, (long)(options.Cpus * PeriodMicroseconds)));

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
