using System.IO.Pipelines;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>
/// What a process writes, read ahead by a thread of its own: reading a pipe blocks its thread and cannot be cancelled, so that it must not be one of
/// the pool's.
/// </summary>
internal sealed class OutputPump
{
    private const int ReadBytes = 16 * 1024;
    private const int StackBytes = 256 * 1024;

    private readonly Stream _source;
    private readonly Pipe _pipe = new();

    public OutputPump(Stream source)
    {
        _source = source;
        Output = _pipe.Reader.AsStream();
        new Thread(Run, StackBytes) { IsBackground = true, Name = "sandbox output" }.Start();
    }

    /// <summary>What was read; it ends when the source does.</summary>
    public Stream Output { get; }

    /// <summary>
    /// Ends a read of <see cref="Output"/> that waits, with <see cref="OperationCanceledException"/>, and the thread where it waits for a reader. From
    /// any thread: a read that is under way is not disturbed, as completing the pipe's reader would.
    /// </summary>
    public void Stop()
    {
        _pipe.Writer.CancelPendingFlush();
        _pipe.Reader.CancelPendingRead();
    }

    private void Run()
    {
        try
        {
            while (_source.Read(_pipe.Writer.GetSpan(ReadBytes)) is > 0 and int count)
            {
                _pipe.Writer.Advance(count);
                FlushResult flushed = _pipe.Writer.FlushAsync().AsTask().GetAwaiter().GetResult();
                if (flushed.IsCompleted || flushed.IsCanceled)
                    break;
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The end, as far as the reader is concerned.
        }

        _pipe.Writer.Complete();
    }
}
