using System.Globalization;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>What the engine is told about a sandbox's container: the one place where its isolation is written down.</summary>
internal static class ContainerSpec
{
    /// <summary>A user that owns nothing in the image.</summary>
    private const string User = "10001";

    private const long MiB = 1024 * 1024;

    /// <summary>Files per file system in memory: their names and inodes are kernel memory, which no size limits.</summary>
    private const int Inodes = 16_384;

    private static readonly string SeccompProfile = SandboxResources.Read("seccomp.json");

    public static ContainerRequest Create(string image, SandboxOptions options, IReadOnlyDictionary<string, string> labels) => new()
    {
        Image = image,
        Entrypoint = SandboxAgent.Command(),
        User = $"{User}:{User}",
        WorkingDir = SandboxAgent.Workspace,
        Hostname = "sandbox",
        Labels = labels,
        HostConfig = new HostConfig
        {
            Memory = options.MemoryMib * MiB,
            MemorySwap = options.MemoryMib * MiB,
            NanoCpus = (long)(options.Cpus * 1e9),
            PidsLimit = options.Pids,
            Ulimits = [new("nofile", options.OpenFiles, options.OpenFiles), new("core", 0, 0), new("msgqueue", 0, 0)],
            SecurityOpt = ["no-new-privileges:true", $"seccomp={SeccompProfile}"],
            Mounts = options.ProxyFolder is { } folder ? [new("bind", folder, SandboxAgent.ProxyFolder, ReadOnly: true)] : [],
            Tmpfs = new Dictionary<string, string>
            {
                [SandboxAgent.Workspace] = Writable(options.WorkspaceMib, "exec"),
                ["/tmp"] = Writable(options.TmpMib, "noexec"),
                ["/dev/shm"] = Writable(options.SharedMemoryMib, "noexec"),
                // The engine mounts a writable one here that no size limits; an empty one takes its place.
                ["/dev/mqueue"] = "ro,noexec,nosuid,nodev,size=4k,nr_inodes=1,mode=555",
            },
        },
    };

    private static string Writable(int sizeMib, string exec) => string.Create(
        CultureInfo.InvariantCulture, $"rw,{exec},nosuid,nodev,size={sizeMib}m,nr_inodes={Inodes},mode=700,uid={User},gid={User}");
}
