using System.Diagnostics;
using System.IO.Pipelines;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>The processes of a control group, and the pipes to the first one in the sandbox.</summary>
internal sealed class BubblewrapSandbox : ISandbox
{
    private const int ReadBytes = 16 * 1024;
    private const int ReaderStackBytes = 256 * 1024;

    private readonly Process _launcher;
    private readonly ControlGroup _group;
    private readonly Pipe _output = new();
    private bool _disposed;

    public BubblewrapSandbox(Process launcher, ControlGroup group)
    {
        _launcher = launcher;
        _group = group;
        Output = _output.Reader.AsStream();
        // Reading a pipe blocks its thread and cannot be cancelled, so that it must not be one of the pool's.
        new Thread(ReadOutput, ReaderStackBytes) { IsBackground = true, Name = "sandbox output" }.Start();
    }

    public string Id => _group.Name;

    public Stream Input => _launcher.StandardInput.BaseStream;

    public Stream Output { get; }

    public Task KillAsync() => _group.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
            return;
        try
        {
            await _group.RemoveAsync();
            await _launcher.WaitForExitAsync();
        }
        catch (SandboxException)
        {
            // The name of the group still lets the next start or the reaper remove it.
        }

        await _output.Reader.CompleteAsync();
        _launcher.Dispose();
    }

    private void ReadOutput()
    {
        Stream source = _launcher.StandardOutput.BaseStream;
        try
        {
            while (source.Read(_output.Writer.GetSpan(ReadBytes)) is > 0 and int count)
            {
                _output.Writer.Advance(count);
                if (_output.Writer.FlushAsync().AsTask().GetAwaiter().GetResult().IsCompleted)
                    break;
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The end, as far as the reader is concerned.
        }

        _output.Writer.Complete();
    }
}
