using System.Runtime.InteropServices;
using AgentRollout.Tools.Sandbox;
using AgentRollout.Tools.Sandbox.Docker;
using Xunit;

namespace AgentRollout.Tools.Tests.Sandbox.Docker;

[Collection(TestDocker.Name)]
public sealed class DockerSessionTests : SandboxSessionContract
{
    [Fact]
    public async Task System_calls_that_no_program_needs_are_refused()
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "The numbers are those of x86-64.");
        using DockerRuntime runtime = await TestDocker.OpenAsync();
        await using SandboxSession session = await SandboxSession.StartAsync(runtime, new SandboxOptions(), null, TimeProvider.System, default);
        SandboxReply reply = await session.RunPythonAsync(
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
            """,
            default);
        Assert.Equal("[]", reply.Value ?? reply.Error);
    }

    protected override async Task<ISandboxRuntime> OpenAsync() => await TestDocker.OpenAsync();
}
