using System.Text.Json;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>Reads the pieces of one answer, in order, in the form of one protocol.</summary>
internal interface IRemoteReader
{
    /// <exception cref="EngineException">The server says that it failed, or the piece is not what the protocol says.</exception>
    RemotePiece Read(JsonElement piece);
}

/// <summary>A generation as a server is asked for it.</summary>
/// <param name="Path">Where.</param>
/// <param name="Body">What is sent.</param>
/// <param name="Reader">Reads the answer.</param>
/// <param name="Chunks">Makes chunks of it.</param>
/// <param name="AbortId">The name by which it can be aborted; null where closing the connection is all there is.</param>
internal sealed record RemoteCall(string Path, ReadOnlyMemory<byte> Body, IRemoteReader Reader, ChunkWriter Chunks, string? AbortId);
