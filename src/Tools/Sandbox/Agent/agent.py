"""PID 1 of a sandbox: supervises what a model runs. Python 3.11, standard library only.

Frames in both directions are four bytes of length, most significant first, then JSON. A request is {"op": ..., "timeout": seconds,
"max_output": bytes, ...} and gets one answer:

    python  code             a cell of the persistent interpreter: stdout, stderr, value, error
    shell   command          a command line of its own: stdout, stderr, exit_code
    read    path, max_bytes  content (base64), or refused
    write   path, content    bytes, or refused
    list    path             entries, or refused
    ping                     an empty cell
    cancel                   ends the request that runs; has no answer of its own

Every answer has "ended": null, or why everything in the sandbox but this process was killed: "timeout", "output", "cancelled", or "died"
(the interpreter ended by itself, with "status"). A fresh interpreter is there afterwards.

Three kinds of processes: this supervisor; the interpreter, forked once and again after its death; and a short-lived job per shell command or
file operation. Where the server's network proxy is mounted there is a fourth, the relay between loopback and the proxy's socket. Only the supervisor holds the protocol's descriptors, and it touches no file of the model's.
"""
import ast
import base64
import ctypes
import json
import linecache
import os
import select
import signal
import stat
import struct
import sys
import time
import traceback
import types

WORKSPACE = "/workspace"
MAX_ENTRIES = 1000
KILL_SECONDS = 10
PR_SET_DUMPABLE = 4
PROXY_FOLDER = "/run/agentrollout"
PROXY_SOCKET = PROXY_FOLDER + "/proxy.sock"
PROXY_PORT = 3128
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": WORKSPACE, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
}


# Frames

def read_exactly(fd, count):
    parts = []
    while count > 0:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(fd):
    """The next message, or None at the end of input."""
    header = read_exactly(fd, 4)
    body = header and read_exactly(fd, struct.unpack(">I", header)[0])
    return None if body is None else json.loads(body)


def frame(message):
    body = json.dumps(message).encode()
    return struct.pack(">I", len(body)) + body


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def printable(text):
    """Text without lone surrogates, which JSON readers refuse."""
    return text.encode("utf-8", "replace").decode()


# Children

class Child:
    """A forked process with its pipes, as the supervisor sees it."""

    def __init__(self, body):
        """Forks; the child calls body(commands, results) and ends."""
        pipes = []
        try:
            for _ in range(4):
                pipes.append(os.pipe())
            self.pid = os.fork()
        except OSError:
            for pipe in pipes:
                os.close(pipe[0])
                os.close(pipe[1])
            raise
        commands, results, out, err = pipes
        if self.pid == 0:
            run_child(body, commands[0], results[1], out[1], err[1])
        for fd in (commands[0], results[1], out[1], err[1]):
            os.close(fd)
        self.commands, self.results, self.out, self.err = commands[1], results[0], out[0], err[0]
        for fd in (self.commands, self.results, self.out, self.err):
            os.set_blocking(fd, False)
        self.closed = set()

    def close(self):
        for fd in (self.commands, self.results, self.out, self.err):
            os.close(fd)


def run_child(body, commands, results, out, err):
    code = 70
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        prefer_for_oom()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        keep_only({0, 1, 2, commands, results})
        os.chdir(WORKSPACE)
        code = body(commands, results) or 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def prefer_for_oom():
    """Lets the kernel take this process and its children before the supervisor when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # Not writable everywhere; the supervisor is the smallest process anyway.


def keep_only(kept):
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:
                pass  # The listing's own descriptor.


# The interpreter

def interpret(commands, results):
    """Runs cells in one namespace until the supervisor goes away."""
    pid = os.getpid()
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    sys.argv = [""]
    sys.path.insert(0, "")
    sys.stdin = open(0, encoding="utf-8")
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    os.set_inheritable(commands, False)
    os.set_inheritable(results, False)
    while (request := read_frame(commands)) is not None:
        value, error = run_cell(request["code"], request["number"], module.__dict__)
        if os.getpid() != pid:
            os._exit(0)  # The cell forked; its copy of this loop must not answer.
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()
            except Exception:
                pass  # The cell may have closed or replaced it.
        limit = request["max_output"]
        write_all(results, frame({"number": request["number"], "value": cut(value, limit), "error": cut(error, limit)}))


def cut(text, limit):
    if text is None or len(text) <= limit:
        return text and printable(text)
    return printable(text[:limit]) + f"\n[{len(text) - limit} characters are left out here.]"


def run_cell(code, number, namespace):
    """The repr of the last expression, and the traceback; each may be None."""
    name = f"<cell {number}>"
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    try:
        tree = ast.parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), namespace)
        if last is None:
            return None, None
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        if value is None:
            return None, None
        namespace["_"] = value
        return repr(value), None
    except SystemExit as error:
        return None, f"SystemExit: {error.code}\n"
    except BaseException as error:
        return None, describe(error)


def describe(error):
    """The traceback without this program's own frames."""
    frames = error.__traceback__
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith("<cell "):
        frames = frames.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except Exception:
        return f"{type(error).__name__}\n"


# Jobs

def shell_job(request):
    def body(commands, results):
        os.close(commands)
        os.close(results)
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        os.execv(shell, [shell, "-c", request["command"]])
    return body


def file_job(operation, request):
    def body(commands, results):
        try:
            answer = operation(request)
        except ValueError as error:
            answer = {"refused": printable(str(error))}
        except OSError as error:
            answer = {"refused": printable(f"'{request['path']}': {error.strerror}.")}
        write_all(results, json.dumps(answer).encode())
    return body


def locate(path):
    """The real path of a file in the workspace, links followed."""
    if "\0" in path:
        raise ValueError("A path cannot contain a zero byte.")
    real = os.path.realpath(os.path.join(WORKSPACE, path))
    if real != WORKSPACE and not real.startswith(WORKSPACE + "/"):
        raise ValueError(f"'{path}' is outside {WORKSPACE}.")
    return real


def open_regular(path, flags):
    """A regular file; a pipe or device would block or never end."""
    fd = os.open(locate(path), flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise ValueError(f"'{path}' is not a regular file.")
    return fd


def read_file(request):
    fd = open_regular(request["path"], os.O_RDONLY)
    size, limit = os.fstat(fd).st_size, request["max_bytes"]
    if size > limit:
        raise ValueError(f"'{request['path']}' has {size} bytes; at most {limit} are read at once.")
    with os.fdopen(fd, "rb") as file:
        content = file.read(limit + 1)
    return {"content": base64.b64encode(content[:limit]).decode()}


def write_file(request):
    content = base64.b64decode(request["content"])
    os.makedirs(os.path.dirname(locate(request["path"])), exist_ok=True)
    fd = open_regular(request["path"], os.O_WRONLY | os.O_CREAT)
    os.ftruncate(fd, 0)
    write_all(fd, content)
    return {"bytes": len(content)}


def list_files(request):
    root = locate(request["path"])
    if not os.path.isdir(root):
        raise ValueError(f"'{request['path']}' is not a folder.")
    entries, total = [], 0
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files) + folders:
            total += 1
            if len(entries) < MAX_ENTRIES:
                entries.append(describe_file(os.path.join(folder, name), root))
    return {"entries": entries, "total": total}


def describe_file(path, root):
    status = os.lstat(path)
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    kind = next((name for test, name in kinds if test(status.st_mode)), "special")
    name = os.path.relpath(path, root)
    return {"path": printable(name if name.isprintable() else ascii(name)), "kind": kind, "bytes": status.st_size}


FILE_OPERATIONS = {"read": read_file, "write": write_file, "list": list_files}


# The network

class Relay:
    """Lets programs reach the proxy at a port of loopback, by a process that is started again whenever it is killed."""

    def __init__(self):
        import socket  # Only here: sandboxes without a network need neither its time nor its memory.
        self.listener = socket.create_server(("127.0.0.1", PROXY_PORT), backlog=64)
        self.listener.setblocking(False)
        self.start()

    def start(self):
        try:
            self.pid = os.fork()
        except OSError:
            self.pid = None  # The processes are used up; the next restart of the interpreter tries again.
            return
        if self.pid == 0:
            try:
                os.setsid()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                keep_only({0, 1, 2, self.listener.fileno()})
                carry(self.listener)
            finally:
                os._exit(70)


class End:
    """One of the two connections that bytes are carried between."""

    def __init__(self, connection):
        connection.setblocking(False)
        self.connection, self.fd = connection, connection.fileno()
        self.other, self.pending, self.reads, self.shut = None, b"", True, False

    def events(self):
        return (select.POLLIN if self.reads and not self.other.pending else 0) | (select.POLLOUT if self.pending else 0)

    def receive(self):
        if self.reads and not self.other.pending:
            try:
                self.other.pending = self.connection.recv(65536)
            except BlockingIOError:
                return
            self.reads = bool(self.other.pending)
            self.other.send()

    def send(self):
        try:
            if self.pending:
                self.pending = self.pending[self.connection.send(self.pending):]
        except BlockingIOError:
            return
        if not self.pending and not self.other.reads and not self.shut:
            self.shut = True
            self.connection.shutdown(1)


def carry(listener):
    """Carries bytes between each connection and one of its own to the proxy."""
    poll, ends = select.poll(), {}
    poll.register(listener, select.POLLIN)
    while True:
        for fd, event in poll.poll():
            if fd == listener.fileno():
                pair = connect(listener)
            elif fd in ends:
                pair = (ends[fd], ends[fd].other)
            else:
                continue  # Its pair was closed in this very round.
            alive = pair and (pair[0].fd not in ends or move(pair[0], event))
            for end in pair:
                ends[end.fd] = end
                watch(poll, end, alive)
                if not alive:
                    del ends[end.fd]
                    end.connection.close()


def connect(listener):
    """A new connection with the one to the proxy, or nothing."""
    import socket
    opened = []
    try:
        opened.append(listener.accept()[0])
        opened.append(socket.socket(socket.AF_UNIX))
        opened[1].connect(PROXY_SOCKET)
    except OSError:
        for connection in opened:
            connection.close()
        return ()
    client, proxy = map(End, opened)
    client.other, proxy.other = proxy, client
    return client, proxy


def move(end, event):
    """Does what can be done without waiting; false when nothing is left to do."""
    try:
        end.receive()
        end.send()
    except OSError:
        return False
    return not event & select.POLLERR and (end.reads or end.other.reads or bool(end.pending or end.other.pending))


def watch(poll, end, alive):
    """Waits for nothing where nothing is wanted: a poll would tell again and again that the other side has gone."""
    if alive and end.events():
        poll.register(end.fd, end.events())
    else:
        try:
            poll.unregister(end.fd)
        except KeyError:
            pass


def proxy_environment():
    with open(PROXY_FOLDER + "/no_proxy") as file:
        direct = file.read()
    address = f"http://127.0.0.1:{PROXY_PORT}"
    values = {"http_proxy": address, "https_proxy": address, "no_proxy": direct}
    return {**values, **{name.upper(): value for name, value in values.items()}}


# The supervisor

class Run:
    """What one request has brought so far, and why it was cut."""

    def __init__(self, request):
        self.deadline = time.monotonic() + request["timeout"]
        self.max_output = request["max_output"]
        self.max_results = 8 * self.max_output + 2 * request.get("max_bytes", 0) + 65536
        self.text = {"stdout": bytearray(), "stderr": bytearray()}
        self.results = bytearray()
        self.pending = b""
        self.ended = None

    def answer(self):
        texts = {name: data[:self.max_output].decode("utf-8", "replace") for name, data in self.text.items()}
        return {"ended": self.ended, **texts}


class Supervisor:
    def __init__(self, requests, answers, relay):
        self.requests, self.answers, self.relay = requests, answers, relay
        self.wake, wake_writer = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        self.exits = {}
        self.number = 0
        self.interpreter = Child(interpret)

    def serve(self):
        write_all(self.answers, frame({"ready": sys.version.split()[0]}))
        poll = select.poll()
        poll.register(self.requests, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        while True:
            if self.wake in dict(poll.poll()):
                self.reap()
                continue
            request = read_frame(self.requests)
            if request is None:
                os._exit(0)
            if request["op"] != "cancel":
                write_all(self.answers, frame(self.handle(request)))

    def handle(self, request):
        run = Run(request)
        self.exits = {pid: status for pid, status in self.exits.items() if pid == self.interpreter.pid}
        if request["op"] in ("python", "ping"):
            return self.run_cell(run, request.get("code", ""), request["op"] == "python")
        if request["op"] == "shell":
            return self.run_job(run, shell_job(request))
        return self.run_job(run, file_job(FILE_OPERATIONS[request["op"]], request))

    def run_cell(self, run, code, counts):
        self.number += counts
        child = self.interpreter
        number = self.number if counts else 0
        run.pending = frame({"code": code, "number": number, "max_output": run.max_output})
        result, status = None, None
        while result is None and run.ended is None:
            status = self.exits.get(child.pid)
            if status is not None:
                run.ended = "died"
            else:
                self.step(run, child)
            result = self.take_result(run, number)
        self.finish(run, child)
        return {**run.answer(), "value": result and result.get("value"), "error": result and result.get("error"), "status": status}

    def run_job(self, run, body):
        try:
            child = Child(body)
        except OSError:  # What the model left running has used up the processes.
            run.ended = "died"
            self.restart()
            child = Child(body)
        while run.ended in (None, "died") and child.pid not in self.exits:
            self.step(run, child)
        self.finish(run, child)
        status = self.exits.pop(child.pid, None)
        child.close()
        return {**run.answer(), "exit_code": status, **self.job_result(run)}

    def job_result(self, run):
        try:
            result = json.loads(run.results)
            return result if isinstance(result, dict) else {}
        except ValueError:
            return {}

    def take_result(self, run, number):
        """The interpreter's answer to this cell, once it is there; its bytes are the model's to forge, and concern nobody else."""
        while len(run.results) >= 4:
            length = struct.unpack(">I", run.results[:4])[0]
            if length > run.max_results:
                run.ended = "died"
                return None
            if len(run.results) < 4 + length:
                return None
            body = bytes(run.results[4:4 + length])
            del run.results[:4 + length]
            try:
                result = json.loads(body)
                if result["number"] == number and all(isinstance(result.get(key), (str, type(None))) for key in ("value", "error")):
                    return result
            except (ValueError, TypeError, KeyError):
                run.ended = "died"
                return None
        return None

    def step(self, run, child):
        """Waits for something to happen, and takes it in."""
        remaining = run.deadline - time.monotonic()
        if remaining <= 0:
            run.ended = "timeout"
            return
        poll = select.poll()
        for fd in (self.requests, self.wake, child.out, child.err, child.results):
            if fd not in child.closed:
                poll.register(fd, select.POLLIN)
        if run.pending and child.commands not in child.closed:
            poll.register(child.commands, select.POLLOUT)
        ready = dict(poll.poll(min(int(remaining * 1000) + 1, 1 << 30)))
        if self.wake in ready:
            self.reap()
        if self.requests in ready:
            self.interrupted(run)
        if child.commands in ready:
            self.feed(run, child)
        self.collect(run, child, ready)

    def interrupted(self, run):
        request = read_frame(self.requests)
        if request is None:
            os._exit(0)
        run.ended = "cancelled"

    def feed(self, run, child):
        try:
            run.pending = run.pending[os.write(child.commands, run.pending):]
        except BlockingIOError:
            pass
        except OSError:
            child.closed.add(child.commands)

    def collect(self, run, child, ready):
        for fd, sink in ((child.out, run.text["stdout"]), (child.err, run.text["stderr"]), (child.results, run.results)):
            if fd in ready and fd not in child.closed:
                self.drain(run, child, fd, sink)

    def drain(self, run, child, fd, sink):
        """Reads what is there, up to the limit."""
        while run.ended is None or run.ended == "died":
            try:
                part = os.read(fd, 65536)
            except BlockingIOError:
                return
            if not part:
                child.closed.add(fd)
                return
            sink += part
            if sum(map(len, run.text.values())) > run.max_output:
                run.ended = "output"
            elif len(run.results) > run.max_results:
                run.ended = "died"
                return

    def finish(self, run, child):
        """Takes in what was printed before the end, and starts over where the request was cut."""
        self.collect(run, child, (child.out, child.err, child.results))
        if run.ended is not None:
            self.restart()

    def reap(self):
        try:
            os.read(self.wake, 4096)
        except BlockingIOError:
            pass
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self.exits[pid] = os.waitstatus_to_exitcode(status)
                if self.relay and pid == self.relay.pid:
                    self.relay.start()
        except ChildProcessError:
            pass

    def restart(self):
        """Kills every process but this one, which as PID 1 cannot be killed from inside, and starts a fresh interpreter."""
        deadline = time.monotonic() + KILL_SECONDS
        while not self.kill_all():
            if time.monotonic() > deadline:
                os._exit(71)  # The kernel cannot end them; whoever waits for the answer gets a new sandbox.
            time.sleep(0.001)
        self.interpreter.close()
        self.exits.pop(self.interpreter.pid, None)
        if self.relay:
            self.relay.start()
        self.interpreter = Child(interpret)

    def kill_all(self):
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            while (reaped := os.waitpid(-1, os.WNOHANG))[0] != 0:
                self.exits[reaped[0]] = os.waitstatus_to_exitcode(reaped[1])
            return False
        except ChildProcessError:
            return True


def main():
    if os.getpid() != 1:
        sys.exit("This program kills every process that it can reach, so it runs as PID 1 of a PID namespace of its own only.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Processes of the same user could otherwise open this one's descriptors and memory under /proc.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    requests, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    relay = None
    if os.path.exists(PROXY_SOCKET):
        os.environ.update(proxy_environment())
        relay = Relay()
    Supervisor(requests, answers, relay).serve()


main()
