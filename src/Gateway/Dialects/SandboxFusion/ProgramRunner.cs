using System.Globalization;
using AgentRollout.Gateway.Errors;
using AgentRollout.Tools.Sandbox;

namespace AgentRollout.Gateway.Dialects.SandboxFusion;

/// <summary>Runs each program in a sandbox of its own, which is discarded afterwards; so many at once.</summary>
internal sealed class ProgramRunner(SandboxPool pool, int concurrency, TimeProvider time) : IDisposable
{
    /// <summary>What a program waits for its sandbox on top of its compile time-out; clients of the protocol wait 10 s more than both their time-outs.</summary>
    private static readonly TimeSpan WaitGrace = TimeSpan.FromSeconds(5);

    private const int KilledCode = -9;

    private readonly SemaphoreSlim _slots = new(concurrency);

    public SandboxOptions Limits => pool.Limits;

    /// <returns>Null where no sandbox was free in time.</returns>
    /// <exception cref="InvalidInputException">A file of the program cannot be written.</exception>
    public async Task<RunCodeResponse?> RunAsync(SandboxProgram program, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = new(program.CompileTimeout + WaitGrace, time);
        using CancellationTokenSource waiting = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        bool hasSlot = false;
        try
        {
            await _slots.WaitAsync(waiting.Token);
            hasSlot = true;
            await using SandboxSession session = await pool.TakeAsync("run_code", waiting.Token);
            return await RunAsync(session, program, cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (SandboxException error)
        {
            return new RunCodeResponse(RunStatus.SandboxError, error.Message, null, new Dictionary<string, string>());
        }
        finally
        {
            if (hasSlot)
                _slots.Release();
        }
    }

    public void Dispose() => _slots.Dispose();

    private async Task<RunCodeResponse> RunAsync(SandboxSession session, SandboxProgram program, CancellationToken cancellationToken)
    {
        foreach ((string path, byte[] content) in program.Files)
        {
            SandboxReply written = await session.WriteFileAsync(path, content, cancellationToken);
            if (written.Bytes != content.Length)
                throw new InvalidInputException(ProblemCodes.InvalidValue, $"A file could not be written: {written.Refused ?? $"'{path}' took too long."}");
        }

        long start = time.GetTimestamp();
        SandboxReply reply = await session.RunShellAsync(program.Command, program.Timeout, cancellationToken);
        CommandResult result = ResultOf(reply, time.GetElapsedTime(start).TotalSeconds);
        Dictionary<string, string> files = [];
        List<string> notes = [];
        foreach (string path in program.FetchFiles.Distinct())
        {
            SandboxReply read = await session.ReadFileAsync(path, cancellationToken);
            if (read.Content is { } content)
                files[path] = Convert.ToBase64String(content);
            else
                notes.Add(read.Refused ?? $"'{path}' could not be read.");
        }

        return new RunCodeResponse(StatusOf(result), string.Join(' ', notes), result, files);
    }

    private CommandResult ResultOf(SandboxReply reply, double seconds) => reply switch
    {
        { Ended: SandboxEnd.Timeout } => new(CommandStatus.TimeLimitExceeded, seconds, null, reply.Stdout, reply.Stderr),
        { Ended: SandboxEnd.Output } => new(CommandStatus.Finished, seconds, KilledCode, reply.Stdout, reply.Stderr + string.Create(
            CultureInfo.InvariantCulture, $"\nThe program printed more than {pool.Limits.MaxOutputBytes} bytes and was killed.\n")),
        { ExitCode: { } code } => new(CommandStatus.Finished, seconds, code, reply.Stdout, reply.Stderr),
        _ => new(CommandStatus.Error, seconds, null, reply.Stdout, reply.Stderr),
    };

    private static RunStatus StatusOf(CommandResult result) => result switch
    {
        { Status: CommandStatus.Error } => RunStatus.SandboxError,
        { ReturnCode: 0 } => RunStatus.Success,
        _ => RunStatus.Failed,
    };
}
