namespace AgentRollout.Tools.Sandbox;

/// <summary>
/// The program that is PID 1 of every sandbox, Python 3.11 or newer with nothing but its standard library. It reads requests from standard input
/// and writes one answer to each on standard output, both as a frame: the length as four bytes, most significant first, then as many bytes of
/// JSON. The first frame to send is <see cref="Source"/>, the first to read says that it is ready; the session does both.
/// It ends when its input ends.
/// </summary>
public static class SandboxAgent
{
    /// <summary>The folder that calls start in; the file tools see nothing outside it.</summary>
    public const string Workspace = "/workspace";

    /// <summary>Where the folder of the network proxy is bound, if the sandbox has one.</summary>
    internal const string ProxyFolder = "/run/agentrollout";

    /// <summary>The text of the program.</summary>
    public static string Source { get; } = SandboxResources.Read("agent.py");

    /// <summary>The command line to start as PID 1, given the path of Python inside the sandbox: it runs what the first frame holds.</summary>
    public static IReadOnlyList<string> Command(string python = "/usr/bin/python3") =>
        [python, "-I", "-u", "-c", "import sys;r=sys.stdin.buffer.read;exec(compile(r(int.from_bytes(r(4),'big')),'agent','exec'))"];
}
