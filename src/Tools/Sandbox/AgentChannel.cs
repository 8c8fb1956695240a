using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace AgentRollout.Tools.Sandbox;

/// <summary>The frames of the agent program over the streams of a sandbox. One message at a time in each direction.</summary>
internal sealed class AgentChannel(ISandbox sandbox, int maxFrameBytes)
{
    private const int HeaderBytes = 4;

    public Task SendProgramAsync(CancellationToken cancellationToken) => WriteAsync(Encoding.UTF8.GetBytes(SandboxAgent.Source), cancellationToken);

    public Task SendAsync(AgentRequest request, CancellationToken cancellationToken) =>
        WriteAsync(JsonSerializer.SerializeToUtf8Bytes(request, AgentJson.Default.AgentRequest), cancellationToken);

    /// <exception cref="InvalidDataException">The frame is longer than any answer can be.</exception>
    /// <exception cref="JsonException">It holds no answer.</exception>
    /// <exception cref="IOException">The sandbox is gone.</exception>
    public async Task<SandboxReply> ReceiveAsync(CancellationToken cancellationToken)
    {
        byte[] header = new byte[HeaderBytes];
        await sandbox.Output.ReadExactlyAsync(header, cancellationToken);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header);
        if (length > maxFrameBytes)
            throw new InvalidDataException($"A frame of {length} bytes is longer than {maxFrameBytes}.");
        byte[] body = new byte[length];
        await sandbox.Output.ReadExactlyAsync(body, cancellationToken);
        return JsonSerializer.Deserialize(body, AgentJson.Default.SandboxReply) ?? throw new JsonException("The answer is null.");
    }

    private async Task WriteAsync(byte[] body, CancellationToken cancellationToken)
    {
        byte[] frame = new byte[HeaderBytes + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, body.Length);
        body.CopyTo(frame, HeaderBytes);
        await sandbox.Input.WriteAsync(frame, cancellationToken);
        await sandbox.Input.FlushAsync(cancellationToken);
    }
}
