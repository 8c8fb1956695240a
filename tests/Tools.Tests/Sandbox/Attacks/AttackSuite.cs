namespace AgentRollout.Tools.Tests.Sandbox.Attacks;

/// <summary>The programs, and what a model reads when it runs them. Limits are those of <see cref="SandboxAttackContract"/>.</summary>
internal static class AttackSuite
{
    public const string Timeout = "took longer than 1 s and was killed";
    private const string Output = "printed more than 4096 bytes and was killed";
    private const string OutOfMemory = "MemoryError|was killed, as happens when memory runs out";
    private const string Full = "No space left on device";
    private const string Forbidden = "PermissionError|Operation not permitted|Permission denied";
    private const string ReadOnly = "Read-only file system|" + Forbidden;
    private const string Outside = "outside /workspace";
    private const string SystemCall =
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n" +
        "def call(*a):\n    if libc.syscall(*a) != -1: return 'BROKEN'\n    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))\n";

    private const string Flood =
        "def flood(folder):\n    for i in range(1_000_000): open(f'{folder}/{i}', 'w').close()\n    print('BROKEN')\n";

    /// <summary>Runs each as a way to a shell of root's, and looks at who it becomes.</summary>
    private const string SetUserId =
        """
        import glob, os, subprocess
        paths = [p for d in ('/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/lib', '/usr/lib/*', '/usr/libexec', '/opt') for p in glob.glob(d + '/*')]
        found = [p for p in set(map(os.path.realpath, paths)) if os.path.isfile(p) and os.stat(p).st_mode & 0o6000]
        started = []
        for p in found[:12]:
            try: started.append(subprocess.Popen([p, '-c', 'id -u'], stdin=-3, stdout=-1, stderr=-3, text=True))
            except PermissionError: pass
        became = [open(f'/proc/{p.pid}/status').read().split('Uid:')[1].split('\n')[0].split() for p in started]
        rights = [u for u in became if set(u) != {'10001'}] + [p for p in started if p.communicate()[0].strip() == '0']
        f"rights: {'BROKEN' if rights else 'none'}"
        """;

    public static readonly IReadOnlyList<Attack> All =
    [
        new("fork bomb in Python", "python", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", Timeout),
        new("fork bomb in a shell", "shell", "b() { b | b & b; }; b", Timeout + "|" + Output + "|fork|ended"),
        new("threads without end", "python", "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()", "can't start new thread|" + Timeout),
        new("memory in one block", "python", "x = bytearray(1 << 30)\nx[::4096] = b'x' * len(x[::4096])\n'BROKEN'", OutOfMemory),
        new("memory bit by bit", "python", "x = []\nwhile True: x.append(bytes(range(256)) * 4096)", OutOfMemory),
        new("memory shared and mapped", "python", "import mmap\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1\n'BROKEN'", OutOfMemory),
        new("flood of /workspace", "shell", "dd if=/dev/zero of=flood bs=1048576", Full),
        new("flood of /tmp", "shell", "dd if=/dev/zero of=/tmp/flood bs=1048576", Full),
        new("flood of /dev/shm", "shell", "dd if=/dev/zero of=/dev/shm/flood bs=1048576", Full),
        new("a million empty files in /workspace", "python", Flood + "flood('/workspace')", Full + "|" + Timeout),
        new("a million empty files in /tmp", "python", Flood + "flood('/tmp')", Full + "|" + Timeout),
        new("sparse file of a tebibyte", "shell", "truncate -s 1099511627776 big && cat big > copy", Full + "|" + Timeout),
        new("descriptors without end", "python", "x = []\nwhile True: x.append(open('/dev/null'))", "Too many open files"),
        new("flood of standard output", "python", "while True: print('x' * 100)", Output),
        new("flood of standard error", "shell", "yes >&2", Output),
        new("busy loop", "python", "while True: pass", Timeout),
        new("busy loop in C", "python", "sum(range(10 ** 12))", Timeout),
        new("regular expression that explodes in C", "python", "import re\nre.match('(a+)+$', 'a' * 40 + 'b')", Timeout),
        new("sleeping", "shell", "sleep 1000", Timeout),
        new("ignoring signals", "python", "import signal\nfor n in set(range(1, 32)) - {9, 19}: signal.signal(n, signal.SIG_IGN)\nwhile True: pass", Timeout),
        new("catching every exception", "python", "while True:\n    try:\n        while True: pass\n    except BaseException: pass", Timeout),
        new("ending the interpreter", "python", "import os\nos._exit(7)", "ended with exit code 7"),
        new("killing the interpreter", "python", "import os\nos.kill(os.getpid(), 9)", "was killed"),
        new("crashing the interpreter", "python", "import ctypes\nctypes.string_at(0)", "ended by signal 11"),
        new("killing everything", "python", "import os\nos.kill(-1, 9)\nimport time\ntime.sleep(60)", "ProcessLookupError"),
        new("writing to its protocol", "python", "import os\nfor fd in range(3, 200):\n    try: os.write(fd, b'\\xff' * 64)\n    except OSError: pass", "disturbed|no output"),
        new("opening the supervisor's connection", "python", "open('/proc/1/fd/1', 'wb')", Forbidden),
        new("reading the supervisor's memory", "python", "open('/proc/1/mem', 'rb')", Forbidden),
        new("reading the supervisor's environment", "python", "open('/proc/1/environ', 'rb').read()", Forbidden),
        new("connecting to an address", "python", "import socket\nsocket.create_connection(('1.1.1.1', 80), 0.5)", "unreachable|" + Forbidden),
        new("connecting to the metadata service", "python", "import socket\nsocket.create_connection(('169.254.169.254', 80), 0.5)", "unreachable|" + Forbidden),
        new("resolving a name", "python", "import socket\nsocket.getaddrinfo('example.org', 80)", "gaierror"),
        new("raw socket", "python", "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", Forbidden),
        new("mounting", "python", SystemCall + "call(165, b'none', b'/workspace', b'tmpfs', 0, 0)", Forbidden),
        new("new user namespace", "python", SystemCall + "call(272, 0x10000000)", Forbidden),
        new("joining a namespace", "python", SystemCall + "call(308, 0, 0)", Forbidden),
        new("ptrace", "python", SystemCall + "call(101, 0, 0, 0, 0)", Forbidden),
        new("keyctl", "python", SystemCall + "call(250, 0, -3, 1)", Forbidden),
        new("bpf", "python", SystemCall + "call(321, 0, 0, 0)", Forbidden),
        new("io_uring", "python", SystemCall + "call(425, 8, 0)", Forbidden),
        new("writing to /proc", "python", "open('/proc/sys/kernel/core_pattern', 'w').write('|/workspace/x')", ReadOnly),
        new("writing to /sys", "shell", "mkdir /sys/fs/cgroup/x && echo BROKEN", ReadOnly + "|No such file"),
        new("device node", "python", "import os, stat\nos.mknod('disk', 0o666 | stat.S_IFBLK, os.makedev(8, 0))", Forbidden),
        new("becoming root", "python", "import os\nos.setuid(0)", Forbidden + "|Invalid argument"),
        new("gaining rights through a set-user-id program", "shell", "grep NoNewPrivs /proc/self/status", "^NoNewPrivs:\\t1"),
        new("finding set-user-id programs and running them", "python", SetUserId, "^'rights: none'$|" + Timeout),
        new("writing to the image", "shell", "echo x > /usr/bin/python3", ReadOnly),
        new("traversal by ..", "read", "../etc/passwd", Outside),
        new("absolute path", "read", "/etc/passwd", Outside),
        new("symbolic link out of the workspace", "read", "link", Outside),
        new("writing through a symbolic link", "write", "out/x", Outside),
        new("huge file name", "write", new string('n', 5_000), "File name too long|[Nn]ame"),
        new("tar archive with .. in its names", "python", "import io, tarfile\nb = io.BytesIO()\nt = tarfile.open(fileobj=b, mode='w')\nt.addfile(tarfile.TarInfo('../usr/x'))\nt.close()\nb.seek(0)\ntarfile.open(fileobj=b).extractall('.')", ReadOnly + "|OutsideDestination"),
        new("decompression bomb", "python", "import zlib\nc = zlib.compressobj(9)\nd = b''.join(c.compress(bytes(1 << 20)) for _ in range(300)) + c.flush()\nx = zlib.decompress(d)\n'BROKEN'", OutOfMemory + "|" + Timeout),
        new("environment secrets", "shell", "env | grep -ciE 'secret|token|key|passw|docker|dotnet'", "^0"),
    ];
}
