using System.Text.Json;

namespace AgentRollout.Tools.Sandbox;

/// <summary>
/// One sandbox in use: a Python interpreter that keeps its state from cell to cell, shell commands, and files under
/// <see cref="SandboxAgent.Workspace"/>. A call over its time or output limit kills what runs in the sandbox, not the sandbox. One call at a time.
/// </summary>
public sealed class SandboxSession : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    /// <summary>What the agent may take to kill and start over, on top of a call's own time-out, before the sandbox counts as lost.</summary>
    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(15);

    /// <summary>Room for everything in an answer but output, files and what escaping makes of them.</summary>
    private const int FrameSlack = 1 << 20;

    /// <summary>The longest escape that a byte can become in JSON.</summary>
    private const int EscapeLength = 6;

    private readonly ISandbox _sandbox;
    private readonly SandboxOptions _options;
    private readonly TimeProvider _time;
    private readonly AgentChannel _channel;

    private SandboxSession(ISandbox sandbox, SandboxOptions options, TimeProvider time)
    {
        _sandbox = sandbox;
        _options = options;
        _time = time;
        // Output and traceback or value may each be as long as the limit; a file is base64.
        long frame = (3L * EscapeLength * options.MaxOutputBytes) + (2L * options.MaxFileBytes) + FrameSlack;
        _channel = new AgentChannel(sandbox, (int)Math.Min(frame, Array.MaxLength));
        StartedAt = time.GetTimestamp();
    }

    /// <summary>The runtime's name of the sandbox.</summary>
    public string Id => _sandbox.Id;

    /// <summary>How long ago it was started.</summary>
    public TimeSpan Age => _time.GetElapsedTime(StartedAt);

    /// <summary>Whether the last call was cancelled while it ran, and everything was killed for it.</summary>
    public bool LastCallWasCut { get; private set; }

    private long StartedAt { get; }

    /// <summary>Starts a sandbox with its interpreter and waits until it answers.</summary>
    /// <exception cref="SandboxException">It could not be started, or did not answer.</exception>
    public static async Task<SandboxSession> StartAsync(
        ISandboxRuntime runtime, SandboxOptions options, string? label, TimeProvider time, CancellationToken cancellationToken)
    {
        ISandbox sandbox = await runtime.StartAsync(options, label, cancellationToken);
        SandboxSession session = new(sandbox, options, time);
        try
        {
            using CancellationTokenSource limit = new(StartTimeout, time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            await session._channel.SendProgramAsync(either.Token);
            await session._channel.ReceiveAsync(either.Token);
            await session.ProbeAsync(either.Token);
            return session;
        }
        catch (Exception error)
        {
            await session.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw error is OperationCanceledException or IOException or SandboxException or JsonException or InvalidDataException
                ? new SandboxException($"Sandbox '{sandbox.Id}' of runtime '{runtime.Name}' did not answer after its start; its image needs Python 3.11 or newer.", error)
                : error;
        }
    }

    /// <summary>Asks the interpreter for a sign of life.</summary>
    /// <exception cref="SandboxLostException">The sandbox is gone.</exception>
    public Task ProbeAsync(CancellationToken cancellationToken) => AskAsync(Request("ping"), cancellationToken);

    /// <summary>Runs a cell in the interpreter that all cells share.</summary>
    /// <inheritdoc cref="ProbeAsync"/>
    public Task<SandboxReply> RunPythonAsync(string code, CancellationToken cancellationToken) =>
        AskAsync(Request("python") with { Code = code }, cancellationToken);

    /// <summary>Runs a command line in a shell of its own; what it leaves in the background goes on.</summary>
    /// <inheritdoc cref="ProbeAsync"/>
    public Task<SandboxReply> RunShellAsync(string command, CancellationToken cancellationToken) =>
        AskAsync(Request("shell") with { Command = command }, cancellationToken);

    /// <summary>The same with a time-out of its own, which does not go beyond <see cref="SandboxOptions.CallTimeoutSeconds"/>.</summary>
    /// <inheritdoc cref="ProbeAsync"/>
    public Task<SandboxReply> RunShellAsync(string command, TimeSpan timeout, CancellationToken cancellationToken) =>
        AskAsync(Request("shell") with { Command = command, Timeout = Math.Min(timeout.TotalSeconds, _options.CallTimeoutSeconds) }, cancellationToken);

    /// <summary>Reads a file under the workspace.</summary>
    /// <inheritdoc cref="ProbeAsync"/>
    public Task<SandboxReply> ReadFileAsync(string path, CancellationToken cancellationToken) =>
        AskAsync(Request("read") with { Path = path, MaxBytes = _options.MaxFileBytes }, cancellationToken);

    /// <summary>Writes a file under the workspace, and the folders that it needs.</summary>
    /// <exception cref="ToolException">The content is larger than <see cref="SandboxOptions.MaxFileBytes"/>.</exception>
    /// <inheritdoc cref="ProbeAsync"/>
    public Task<SandboxReply> WriteFileAsync(string path, byte[] content, CancellationToken cancellationToken) =>
        content.Length > _options.MaxFileBytes
            ? throw new ToolException($"'{path}' would have {content.Length} bytes; at most {_options.MaxFileBytes} are written at once.")
            : AskAsync(Request("write") with { Path = path, Content = content }, cancellationToken);

    /// <summary>Lists what is under a folder of the workspace.</summary>
    /// <inheritdoc cref="ProbeAsync"/>
    public Task<SandboxReply> ListFilesAsync(string path, CancellationToken cancellationToken) =>
        AskAsync(Request("list") with { Path = path }, cancellationToken);

    /// <summary>Kills the sandbox; a call that runs fails.</summary>
    public ValueTask DisposeAsync() => _sandbox.DisposeAsync();

    private AgentRequest Request(string op) => new(op, _options.CallTimeoutSeconds, _options.MaxOutputBytes);

    private async Task<SandboxReply> AskAsync(AgentRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LastCallWasCut = false;
        try
        {
            TimeSpan patience = TimeSpan.FromSeconds(request.Timeout) + AnswerGrace;
            using CancellationTokenSource limit = new(patience, _time);
            await _channel.SendAsync(request, limit.Token);
            Task<SandboxReply> answer = _channel.ReceiveAsync(limit.Token);
            await ((Task)answer).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (answer.IsCompleted)
                return await answer;
            // The answer must still be read, or the next call would get it.
            limit.CancelAfter(AnswerGrace);
            await _channel.SendAsync(Request("cancel"), limit.Token);
            LastCallWasCut = (await answer).Ended is not null;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or OperationCanceledException or JsonException or InvalidDataException)
        {
            throw new SandboxLostException($"Sandbox '{Id}' ended or stopped answering.", error);
        }

        throw new OperationCanceledException(cancellationToken);
    }
}
