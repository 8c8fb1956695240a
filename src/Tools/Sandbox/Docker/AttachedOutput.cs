using System.Buffers.Binary;

namespace AgentRollout.Tools.Sandbox.Docker;

/// <summary>
/// The standard output in an attached stream, which carries frames of two channels: the channel's number, three zero bytes, the length as four
/// bytes, most significant first, then the bytes. The agent program closes its standard error, so what comes there is dropped.
/// </summary>
internal sealed class AttachedOutput(Stream attached) : Stream
{
    private const int HeaderBytes = 8;
    private const byte StandardOutput = 1;

    private readonly BufferedStream _frames = new(attached, 16 * 1024);
    private readonly byte[] _header = new byte[HeaderBytes];
    private uint _remaining;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_remaining == 0)
        {
            if (await _frames.ReadAtLeastAsync(_header, HeaderBytes, throwOnEndOfStream: false, cancellationToken) < HeaderBytes)
                return 0;
            _remaining = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(HeaderBytes / 2));
            if (_header[0] != StandardOutput)
                await SkipAsync(cancellationToken);
        }

        int count = await _frames.ReadAsync(buffer[..(int)Math.Min((uint)buffer.Length, _remaining)], cancellationToken);
        _remaining -= (uint)count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    private async ValueTask SkipAsync(CancellationToken cancellationToken)
    {
        byte[] waste = new byte[4 * 1024];
        while (_remaining > 0)
        {
            int count = await _frames.ReadAsync(waste.AsMemory(0, (int)Math.Min((uint)waste.Length, _remaining)), cancellationToken);
            if (count == 0)
                throw new EndOfStreamException("The attached stream ended inside a frame.");
            _remaining -= (uint)count;
        }
    }
}
