using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentRollout.RolloutEngine.Remote.Sglang;
using AgentRollout.RolloutEngine.Remote.Vllm;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>
/// An engine that computes elsewhere. Nothing is tried twice: a server that refuses a connection, breaks a stream or fails is an
/// <see cref="EngineException"/> with <see cref="EngineException.IsLost"/>, and tokens that came before it stay valid. The deadline of a request is
/// kept here, by the clock of this machine.
/// </summary>
public abstract class RemoteEngine : IEngineNode, IDisposable
{
    private readonly RemoteEngineOptions _options;
    private readonly ILogger _logger;
    private EngineModel _model;

    private protected RemoteEngine(RemoteClient client, EngineModel model, RemoteEngineOptions options)
    {
        (Client, _model, _options) = (client, model, options);
        _logger = options.Loggers.CreateLogger<RemoteEngine>();
        Log.RemoteEngineConnected(_logger, client.Name, model.Name, model.VocabularySize, model.ContextLength, model.WeightVersion);
    }

    public string Name => Client.Name;

    /// <summary>The weight version is the last that the server told.</summary>
    public EngineModel Model => Volatile.Read(ref _model);

    /// <summary>Whether this client paused it; what others do is not known here.</summary>
    public bool IsPaused { get; private protected set; }

    private protected RemoteClient Client { get; }

    private protected TimeProvider Time => _options.Time;

    private protected TimeSpan FlushPatience => _options.FlushPatience;

    /// <summary>Connects to a server and asks what it serves.</summary>
    /// <param name="kind">The protocol.</param>
    /// <param name="address">Where the protocol's paths begin, such as <c>http://10.0.0.7:30000</c>.</param>
    /// <param name="options">How it is reached, and what it does not say of itself.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EngineException">It does not answer, or too little is known of its model.</exception>
    public static async Task<RemoteEngine> ConnectAsync(
        RemoteEngineKind kind, Uri address, RemoteEngineOptions options, CancellationToken cancellationToken) => kind switch
    {
        RemoteEngineKind.Sglang => await SglangEngine.ConnectAsync(address, options, cancellationToken),
        RemoteEngineKind.Vllm => await VllmEngine.ConnectAsync(address, options, cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "It is no kind of remote engine."),
    };

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        request.Validate(Model);
        cancellationToken.ThrowIfCancellationRequested();
        using RequestClock clock = new(request.Deadline, Time, cancellationToken);
        if (clock.HasPassed)
        {
            yield return ChunkWriter.End(FinishReason.Deadline, request.Sampling, Model.WeightVersion);
            yield break;
        }

        RemoteCall call = Begin(request);
        bool isOver = false;
        try
        {
            await using IAsyncEnumerator<JsonElement> pieces = Client.StreamAsync(call.Path, call.Body, clock.Token).GetAsyncEnumerator(CancellationToken.None);
            while (true)
            {
                if (await NextAsync(pieces, call, clock) is not { } piece)
                {
                    yield return ChunkWriter.End(FinishReason.Deadline, request.Sampling, Model.WeightVersion);
                    yield break;
                }

                isOver = piece.Finish is not null || piece.Failure is not null;
                foreach (TokenChunk chunk in call.Chunks.Write(piece))
                {
                    NoteVersion(chunk.WeightVersion);
                    yield return chunk;
                    if (chunk.Finish is not null)
                        yield break;
                }

                if (piece.Failure is { } failure)
                    throw failure;
            }
        }
        finally
        {
            if (!isOver && call.AbortId is { } id)
                _ = AbortQuietlyAsync(id);
        }
    }

    public abstract Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken);

    public abstract Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default);

    public abstract Task ResumeAsync(CancellationToken cancellationToken = default);

    public abstract Task<int?> FlushCacheAsync(CancellationToken cancellationToken = default);

    /// <inheritdoc/>
    /// <remarks>The server tells one time for all of it, which is that of the load here.</remarks>
    public abstract Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken);

    public abstract Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default);

    public abstract Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken);

    /// <summary>Closes the connections; generations that still run fail.</summary>
    public void Dispose()
    {
        Client.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes a request in the form of the protocol.</summary>
    private protected abstract RemoteCall Begin(GenerationRequest request);

    /// <summary>Ends a generation at the server, which may not have noticed yet that its client is gone.</summary>
    private protected abstract Task AbortAsync(string id, CancellationToken cancellationToken);

    /// <summary>Takes note of the weights that the server says it has now.</summary>
    private protected void SetVersion(long version) => Volatile.Write(ref _model, Model with { WeightVersion = version });

    /// <summary>The version that an update gives: the one that it names, or one more than that in use.</summary>
    private protected long VersionOf(WeightUpdate update)
    {
        long current = Model.WeightVersion;
        if (update.Version is null && current >= VersionLabel.FirstHash)
            throw new EngineException($"Engine '{Name}' has weights whose label is no number, so that there is no next one; the update must name its version.");
        return update.Version ?? current + 1;
    }

    private async Task<RemotePiece?> NextAsync(IAsyncEnumerator<JsonElement> pieces, RemoteCall call, RequestClock clock)
    {
        try
        {
            return await pieces.MoveNextAsync()
                ? call.Reader.Read(pieces.Current)
                : throw Client.Lost("ended its answer without saying why the generation ended");
        }
        catch (OperationCanceledException) when (clock.HasPassed)
        {
            return null;
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw new EngineException($"Engine '{Name}' sent a value of another type than its protocol says ({exception.Message.TrimEnd('.')}).", exception);
        }
    }

    /// <summary>Tokens of a later version tell that the weights were changed. Labels that are no numbers have no order.</summary>
    private void NoteVersion(long version)
    {
        if (version > Model.WeightVersion && version < VersionLabel.FirstHash)
            SetVersion(version);
    }

    private async Task AbortQuietlyAsync(string id)
    {
        try
        {
            using CancellationTokenSource patience = new(_options.ConnectTimeout, Time);
            await AbortAsync(id, patience.Token);
        }
        catch (Exception exception) when (exception is EngineException or OperationCanceledException or ObjectDisposedException)
        {
            Log.AbortNotSent(_logger, exception, Name, id);
        }
    }
}
