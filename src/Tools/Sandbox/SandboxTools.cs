using System.ComponentModel;
using System.Globalization;
using System.Text;

namespace AgentRollout.Tools.Sandbox;

/// <summary>
/// The tools <c>python</c>, <c>shell</c>, <c>read_file</c>, <c>write_file</c> and <c>list_files</c>: all of a trajectory's calls meet in the one
/// sandbox that it holds until it ends.
/// </summary>
public sealed class SandboxTools
{
    /// <summary>How many tools there are.</summary>
    internal const int Count = 5;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SandboxPool? _pool;

    /// <param name="pool">Where the sandboxes come from; null where the tools are offered here and run elsewhere.</param>
    public SandboxTools(SandboxPool? pool)
    {
        _pool = pool;
        All =
        [
            new DelegateTool(PythonAsync, keepsState: true), new DelegateTool(ShellAsync, keepsState: true),
            new DelegateTool(ReadFileAsync, keepsState: true), new DelegateTool(WriteFileAsync, keepsState: true),
            new DelegateTool(ListFilesAsync, keepsState: true),
        ];
    }

    /// <summary>What the tools are called.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. new SandboxTools(pool: null).All.Select(tool => tool.Spec.Name)];

    /// <summary>The tools, in the order of their names above.</summary>
    public IReadOnlyList<ITool> All { get; }

    private SandboxPool Pool => _pool ?? throw new ToolException("Sandboxed tools run in tool workers only.");

    [Description("Run Python code. Variables stay from call to call; the value of the last expression is shown.")]
    private Task<string> PythonAsync(string code, ToolInvocation invocation, CancellationToken cancellationToken) =>
        RunAsync(invocation, async (session, cancel) => SandboxText.OfPython(await session.RunPythonAsync(code, cancel), Pool.Limits), cancellationToken);

    [Description("Run a command line in a shell.")]
    private Task<string> ShellAsync(string command, ToolInvocation invocation, CancellationToken cancellationToken) =>
        RunAsync(invocation, async (session, cancel) => SandboxText.OfShell(await session.RunShellAsync(command, cancel), Pool.Limits), cancellationToken);

    [Description("Read a text file in the workspace.")]
    private Task<string> ReadFileAsync(string path, ToolInvocation invocation, CancellationToken cancellationToken) =>
        RunAsync(
            invocation,
            async (session, cancel) => SandboxText.OfFile(
                await session.ReadFileAsync(path, cancel), Pool.Limits, reply => TextOf(path, reply.Content!)),
            cancellationToken);

    [Description("Write a text file in the workspace, in place of one that is there.")]
    private Task<string> WriteFileAsync(string path, string content, ToolInvocation invocation, CancellationToken cancellationToken) =>
        RunAsync(
            invocation,
            async (session, cancel) => SandboxText.OfFile(
                await session.WriteFileAsync(path, Encoding.UTF8.GetBytes(content), cancel),
                Pool.Limits,
                reply => string.Create(CultureInfo.InvariantCulture, $"Wrote {reply.Bytes} bytes.")),
            cancellationToken);

    [Description("List the files in a folder of the workspace and in the folders below it.")]
    private Task<string> ListFilesAsync(ToolInvocation invocation, CancellationToken cancellationToken, string path = ".") =>
        RunAsync(
            invocation,
            async (session, cancel) => SandboxText.OfFile(await session.ListFilesAsync(path, cancel), Pool.Limits, SandboxText.OfEntries),
            cancellationToken);

    private Task<string> RunAsync(
        ToolInvocation invocation, Func<SandboxSession, CancellationToken, Task<string>> call, CancellationToken cancellationToken) =>
        Pool.Lease(invocation.TrajectoryId).RunAsync(
            (session, cancel) =>
            {
                invocation.Sandbox = $"{Pool.RuntimeName}/{session.Id}";
                return call(session, cancel);
            },
            cancellationToken);

    private static string TextOf(string path, byte[] content)
    {
        try
        {
            return StrictUtf8.GetString(content);
        }
        catch (DecoderFallbackException)
        {
            throw new ToolException($"'{path}' is not UTF-8 text; read it with Python instead.");
        }
    }
}
