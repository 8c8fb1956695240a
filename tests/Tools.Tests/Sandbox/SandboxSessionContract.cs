using System.Runtime.InteropServices;
using System.Text;
using AgentRollout.Tools.Sandbox;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox;

/// <summary>What holds of a session whatever makes its sandbox.</summary>
public abstract class SandboxSessionContract : IAsyncLifetime
{
    private static readonly SandboxOptions Limits = new()
    {
        MemoryMib = 256, Pids = 32, CallTimeoutSeconds = 5, MaxOutputBytes = 4_096, MaxFileBytes = 65_536,
    };

    private ISandboxRuntime? _runtime;
    private SandboxSession? _session;

    private SandboxSession Session => _session!;

    /// <summary>The runtime, or a skip of the running test.</summary>
    protected abstract Task<ISandboxRuntime> OpenAsync();

    public async ValueTask InitializeAsync()
    {
        _runtime = await OpenAsync();
        _session = await StartAsync(Limits);
    }

    public async ValueTask DisposeAsync()
    {
        if (_session is not null)
            await _session.DisposeAsync();
        (_runtime as IDisposable)?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Cells_share_their_state_and_show_output_and_the_last_value()
    {
        SandboxReply first = await PythonAsync("import sys\nx = 20\nprint('out')\nprint('err', file=sys.stderr)\nx + 1");
        Assert.Equal(("out\n", "err\n", "21", null, null), (first.Stdout, first.Stderr, first.Value, first.Error, first.Ended));
        Assert.Equal("'[20]'", (await PythonAsync("str([x])")).Value);
        Assert.Equal("'[20]'", (await PythonAsync("_")).Value);
        Assert.Null((await PythonAsync("x = 1")).Value);
        Assert.Null((await PythonAsync("")).Error);
    }

    [Fact]
    public async Task A_traceback_shows_the_models_lines_and_no_frame_of_ours()
    {
        await PythonAsync("def halve(n):\n    return 1 / n");
        string error = (await PythonAsync("halve(0)")).Error!;
        Assert.Equal(
            """
            Traceback (most recent call last):
              File "<cell 2>", line 1, in <module>
                halve(0)
              File "<cell 1>", line 2, in halve
                return 1 / n
                        ~~^~~
            ZeroDivisionError: division by zero

            """,
            error);
        Assert.Contains("SyntaxError", (await PythonAsync("1 +")).Error, StringComparison.Ordinal);
        Assert.Equal("SystemExit: 3\n", (await PythonAsync("raise SystemExit(3)")).Error);
    }

    [Fact]
    public async Task A_call_over_its_time_is_killed_and_leaves_files_and_a_fresh_interpreter()
    {
        await using SandboxSession session = await StartAsync(Limits with { CallTimeoutSeconds = 0.3 });
        await session.RunPythonAsync("x = 1\nopen('kept', 'w').write('yes')", default);
        SandboxReply cut = await session.RunPythonAsync("print('begun', flush=True)\nwhile True: pass", default);
        Assert.Equal((SandboxEnd.Timeout, "begun\n"), (cut.Ended, cut.Stdout));
        Assert.Contains("NameError", (await session.RunPythonAsync("x", default)).Error, StringComparison.Ordinal);
        Assert.Equal("'yes'", (await session.RunPythonAsync("open('kept').read()", default)).Value);
        Assert.Equal(SandboxEnd.Timeout, (await session.RunShellAsync("trap '' TERM INT HUP; while true; do sleep 1; done", default)).Ended);
        Assert.Equal(SandboxEnd.Timeout, (await session.RunPythonAsync("sum(range(10**11))", default)).Ended);
    }

    [Fact]
    public async Task A_call_over_its_output_is_killed_and_shows_what_it_printed_until_then()
    {
        SandboxReply cut = await PythonAsync("while True: print('x' * 100)");
        Assert.Equal((SandboxEnd.Output, Limits.MaxOutputBytes), (cut.Ended, cut.Stdout.Length));
        Assert.Equal(SandboxEnd.Output, (await Session.RunShellAsync("yes >&2", default)).Ended);
        SandboxReply value = await PythonAsync("'v' * 10_000");
        Assert.EndsWith("[5906 characters are left out here.]", value.Value, StringComparison.Ordinal);
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
    }

    [Fact]
    public async Task An_interpreter_that_ends_is_replaced()
    {
        SandboxReply died = await PythonAsync("import os\nos._exit(7)");
        Assert.Equal((SandboxEnd.Died, 7), (died.Ended, died.Status));
        SandboxReply memory = await PythonAsync("x = bytearray(10**10)\nx[::4096] = b'x' * len(x[::4096])");
        Assert.True(memory is { Ended: SandboxEnd.Died, Status: -9 } || memory.Error!.Contains("MemoryError", StringComparison.Ordinal), memory.Error);
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
    }

    [Fact]
    public async Task Writing_to_every_descriptor_disturbs_nobody_but_the_interpreter()
    {
        await PythonAsync("import os\nfor fd in range(3, 200):\n    try: os.write(fd, b'\\xff' * 64)\n    except OSError: pass");
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
        await PythonAsync("import os\nos.closerange(0, 200)");
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
        Assert.Contains("PermissionError", (await PythonAsync("open('/proc/1/fd/3', 'wb')")).Error, StringComparison.Ordinal);
        await PythonAsync("import os, signal\nfor number in range(1, 65):\n    try: os.kill(1, number)\n    except OSError: pass");
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
    }

    [Fact]
    public async Task A_cell_that_forks_answers_once()
    {
        Assert.Equal("1", (await PythonAsync("import os\npid = os.fork()\n1")).Value);
        Assert.Equal("2", (await PythonAsync("2")).Value);
    }

    [Fact]
    public async Task A_shell_command_has_its_outputs_and_exit_code_and_may_leave_something_running()
    {
        SandboxReply reply = await Session.RunShellAsync("echo a; echo b >&2; exit 3", default);
        Assert.Equal(("a\n", "b\n", 3, null), (reply.Stdout, reply.Stderr, reply.ExitCode, reply.Ended));
        await Session.RunShellAsync("(sleep 0.3; echo later > later) >/dev/null 2>&1 &", default);
        Assert.Equal("later\n", (await Session.RunShellAsync("sleep 0.6; cat later", default)).Stdout);
    }

    [Fact]
    public async Task Processes_that_are_used_up_are_killed_for_the_next_command()
    {
        await PythonAsync("import subprocess\nrunning = []\nwhile True:\n    try: running.append(subprocess.Popen(['sleep', '100']))\n    except OSError: break");
        SandboxReply reply = await Session.RunShellAsync("echo works", default);
        Assert.Equal((SandboxEnd.Died, "works\n", 0), (reply.Ended, reply.Stdout, reply.ExitCode));
        Assert.Equal(SandboxEnd.Timeout, (await PythonAsync("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")).Ended);
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
    }

    [Fact]
    public async Task Files_are_written_read_and_listed_under_the_workspace()
    {
        byte[] bytes = [0, 255, 10, 13];
        Assert.Equal(4, (await Session.WriteFileAsync("a/b/c.bin", bytes, default)).Bytes);
        Assert.Equal(bytes, (await Session.ReadFileAsync("/workspace/a/b/c.bin", default)).Content);
        await Session.WriteFileAsync("a/b/c.bin", [1], default);
        Assert.Equal([1], (await Session.ReadFileAsync("a/b/../b/c.bin", default)).Content);
        SandboxReply list = await Session.ListFilesAsync("a", default);
        Assert.Equal([new SandboxFile("b/c.bin", "file", 1)], list.Entries!.Where(file => file.Kind == "file"));
        Assert.Equal(2, list.Total);
    }

    [Fact]
    public async Task Paths_out_of_the_workspace_special_files_and_large_ones_are_refused()
    {
        await Session.RunShellAsync("ln -s /etc/passwd link; ln -s / root; mkfifo pipe; head -c 70000 /dev/zero > large; mkdir folder", default);
        foreach (string path in new[] { "../etc/passwd", "/etc/passwd", "link", "root/etc/passwd", "/proc/self/environ" })
            Assert.Equal($"'{path}' is outside /workspace.", (await Session.ReadFileAsync(path, default)).Refused);
        Assert.Equal("'../x' is outside /workspace.", (await Session.WriteFileAsync("../x", Encoding.UTF8.GetBytes("y"), default)).Refused);
        Assert.Equal("'pipe' is not a regular file.", (await Session.ReadFileAsync("pipe", default)).Refused);
        Assert.Equal("'large' has 70000 bytes; at most 65536 are read at once.", (await Session.ReadFileAsync("large", default)).Refused);
        Assert.Equal("'missing': No such file or directory.", (await Session.ReadFileAsync("missing", default)).Refused);
        Assert.NotNull((await Session.ReadFileAsync("folder", default)).Refused);
        Assert.Equal("'large' is not a folder.", (await Session.ListFilesAsync("large", default)).Refused);
        await Assert.ThrowsAsync<ToolException>(() => Session.WriteFileAsync("x", new byte[65_537], default));
    }

    [Fact]
    public async Task A_cancelled_call_is_killed_and_the_session_goes_on()
    {
        using CancellationTokenSource cancel = new(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Session.RunPythonAsync("while True: pass", cancel.Token));
        Assert.True(Session.LastCallWasCut);
        Assert.Equal("2", (await PythonAsync("1 + 1")).Value);
        Assert.False(Session.LastCallWasCut);
    }

    [Fact]
    public async Task A_sandbox_that_is_gone_is_lost_to_its_session()
    {
        Task<SandboxReply> running = PythonAsync("while True: pass");
        await Session.DisposeAsync();
        await Assert.ThrowsAsync<SandboxLostException>(() => running);
        await Assert.ThrowsAsync<SandboxLostException>(() => PythonAsync("1"));
    }

    [Fact]
    public async Task Nothing_is_writable_but_three_sized_file_systems_and_there_is_no_network()
    {
        SandboxReply writable = await Session.RunShellAsync(
            "find / -xdev -writable \\( -type d -o -type f \\) 2>/dev/null | grep -vxE '/workspace|/tmp'; for d in /dev/mqueue /sys /dev /etc; do touch $d/x 2>/dev/null && echo $d; done; true", default);
        Assert.Equal("", writable.Stdout);
        SandboxReply full = await PythonAsync(
            "def fill(path):\n    try:\n        with open(path, 'wb') as f:\n            while True: f.write(bytes(1 << 20))\n    except OSError as e: return e.strerror\n[fill(p + '/x') for p in ('/workspace', '/tmp', '/dev/shm')]");
        Assert.Equal("['No space left on device', 'No space left on device', 'No space left on device']", full.Value);
        SandboxReply network = await PythonAsync(
            "import socket\ns = socket.socket()\ns.settimeout(1)\ntry: s.connect(('1.1.1.1', 53)); r = 'connected'\nexcept OSError as e: r = type(e).__name__\nr");
        Assert.Equal("'OSError'", network.Value);
        Assert.Equal("['HOME', 'LANG', 'PATH', 'PYTHONDONTWRITEBYTECODE', 'TMPDIR']", (await PythonAsync("import os\nsorted(os.environ)")).Value);
    }

    [Fact]
    public async Task System_calls_that_no_program_needs_are_refused()
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "The numbers are those of x86-64.");
        SandboxReply reply = await PythonAsync(
            """
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            calls = dict(ptrace=101, io_uring_setup=425, unshare=272, setns=308, mount=165, umount2=166, pivot_root=155, chroot=161, keyctl=250, add_key=248,
                         bpf=321, userfaultfd=323, perf_event_open=298, mq_open=240, shmget=29, semget=64, msgget=68, process_vm_readv=310, kcmp=312,
                         init_module=175, finit_module=313, kexec_load=246, open_by_handle_at=304, pidfd_getfd=438, acct=163, swapon=167, reboot=169,
                         settimeofday=164, quotactl=179, syslog=103, iopl=172, ioperm=173, fsopen=430, open_tree=428, move_mount=429, vmsplice=278)
            allowed = []
            for name, number in calls.items():
                ctypes.set_errno(0)
                if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1: allowed.append(name)
            for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
                if libc.syscall(56, flag | 17, 0, 0, 0, 0) != -1: allowed.append(hex(flag))
            for family in (16, 17, 38, 40):
                if libc.socket(family, 3, 0) != -1: allowed.append(family)
            allowed
            """);
        Assert.Equal("[]", reply.Value ?? reply.Error);
    }

    private Task<SandboxSession> StartAsync(SandboxOptions options) =>
        SandboxSession.StartAsync(_runtime!, options, "test", TimeProvider.System, default);

    private Task<SandboxReply> PythonAsync(string code) => Session.RunPythonAsync(code, default);
}
