using System.Diagnostics;
using System.Globalization;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>The command that starts a sandbox: the one place where its isolation is written down.</summary>
internal static class LaunchLine
{
    /// <summary>Folders of the machine besides /usr that hold programs and libraries, or links to them.</summary>
    private static readonly string[] Roots = ["/bin", "/sbin", "/lib", "/lib64"];

    /// <summary>What programs under /usr are found through, where the machine has it.</summary>
    private static readonly string[] Lookups = ["/etc/alternatives", "/etc/ld.so.cache"];

    /// <summary>The user in the sandbox; outside it is <see cref="OuterUser"/>, who owns nothing.</summary>
    private const string User = "10001";

    private const string OuterUser = "65534";

    /// <summary>Where the launch keeps what it needs, in a mount namespace of its own that nothing outside sees and that ends with the sandbox.</summary>
    private const string Stage = "/mnt";

    /// <summary>Files per file system in memory.</summary>
    private const int Inodes = 16_384;

    /// <summary>
    /// Runs as root in a new mount namespace: joins the control groups, mounts the sized file systems, gives up root, and starts Bubblewrap.
    /// The shell stays, as the parent that Bubblewrap and what is in it die with.
    /// </summary>
    private const string Script = """
        set -e
        ulimit -c 0
        ulimit -n "$OPEN_FILES"
        for file in $JOIN; do echo $$ >"$file"; done
        mount -t tmpfs -o mode=755,size=64k stage "$STAGE"
        sized() { mkdir "$STAGE/$1"; mount -t tmpfs -o "$3,nosuid,nodev,size=$2m,nr_inodes=$INODES,mode=700,uid=$OUTER,gid=$OUTER" "$1" "$STAGE/$1"; }
        sized workspace "$WORKSPACE_MIB" exec
        sized tmp "$TMP_MIB" noexec
        sized shm "$SHM_MIB" noexec
        if [ -n "$PROXY" ]; then mkdir "$STAGE/proxy"; mount --bind "$PROXY" "$STAGE/proxy"; fi
        echo "$FILTER" | base64 -d >"$STAGE/filter"
        setpriv --reuid "$OUTER" --regid "$OUTER" --clear-groups bwrap "$@" 9<"$STAGE/filter"
        exit $?
        """;

    /// <param name="label">What <c>ps</c> shows as the name of the shell.</param>
    /// <param name="filter">The system call filter.</param>
    /// <param name="command">What runs in the sandbox.</param>
    public static ProcessStartInfo Create(
        ControlGroup group, SandboxOptions options, string label, byte[] filter, IReadOnlyList<string> command)
    {
        ProcessStartInfo start = new("unshare")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
        };
        foreach (string argument in (string[])["--mount", "--", "/bin/sh", "-c", Script, label, .. Isolation(options), "--", .. command])
            start.ArgumentList.Add(argument);
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["JOIN"] = string.Join(' ', group.JoinFiles);
        start.Environment["OPEN_FILES"] = Text(options.OpenFiles);
        start.Environment["STAGE"] = Stage;
        start.Environment["INODES"] = Text(Inodes);
        start.Environment["OUTER"] = OuterUser;
        start.Environment["WORKSPACE_MIB"] = Text(options.WorkspaceMib);
        start.Environment["TMP_MIB"] = Text(options.TmpMib);
        start.Environment["SHM_MIB"] = Text(options.SharedMemoryMib);
        start.Environment["PROXY"] = options.ProxyFolder ?? "";
        start.Environment["FILTER"] = Convert.ToBase64String(filter);
        return start;
    }

    private static List<string> Isolation(SandboxOptions options) =>
    [
        "--unshare-all", "--unshare-user", "--disable-userns", "--uid", User, "--gid", User, "--hostname", "sandbox",
        "--new-session", "--die-with-parent", "--as-pid-1", "--clearenv", "--cap-drop", "ALL", "--seccomp", "9",
        "--ro-bind", "/usr", "/usr", .. Roots.SelectMany(Root), .. Lookups.SelectMany(path => (string[])["--ro-bind-try", path, path]),
        "--proc", "/proc", "--dev", "/dev", "--bind", Stage + "/shm", "/dev/shm", "--remount-ro", "/dev",
        "--bind", Stage + "/tmp", "/tmp", "--bind", Stage + "/workspace", SandboxAgent.Workspace,
        .. (string[])(options.ProxyFolder is null ? [] : ["--ro-bind", Stage + "/proxy", SandboxAgent.ProxyFolder]),
        "--remount-ro", "/", "--chdir", SandboxAgent.Workspace,
    ];

    /// <summary>The same link as outside where it is one, as on systems whose programs are all under /usr.</summary>
    private static string[] Root(string path) => new DirectoryInfo(path) switch
    {
        { LinkTarget: { } target } => ["--symlink", target, path],
        { Exists: true } => ["--ro-bind", path, path],
        _ => [],
    };

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
