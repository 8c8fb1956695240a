using System.Globalization;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.Gateway.Weights;

/// <summary>Changes the engine's weights, from disk or from an update that is sent in pieces; one at a time. Thread-safe.</summary>
internal sealed class WeightService(ITokenEngine engine, WeightFolder folder, TimeProvider timeProvider, ILogger<WeightService> logger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _changing = new(1, 1);
    private volatile WeightUpdateReport? _last;
    private volatile Task _confirmed = Task.CompletedTask;
    private StagedUpdate? _open;
    private int _resumes;

    /// <summary>The weights in use, and what is on its way. Waits for their checksum.</summary>
    public async Task<WeightsResponse> DescribeAsync()
    {
        await _confirmed;
        EngineModel model = engine.Model;
        // Weights that came over a process group have no file.
        CurrentWeights? current = folder.Current is { } last && last.Version == model.WeightVersion ? last : null;
        return new WeightsResponse(model.WeightVersion, current?.Path ?? model.Name, current?.Checksum, _open?.Id, _last);
    }

    /// <summary>Puts the weights of a folder or file to use.</summary>
    /// <exception cref="InvalidInputException">They do not fit, or are not what the checksum says; the old ones stay.</exception>
    public async Task<WeightUpdateReport> UpdateFromDiskAsync(UpdateFromDiskBody body, CancellationToken cancellationToken)
    {
        if (body.Path.Length == 0 || body.Path.Contains('\0', StringComparison.Ordinal))
            throw new InvalidInputException(ProblemCodes.InvalidValue, "The path of the weights is empty or has a zero character; it must name a folder.");
        long started = timeProvider.GetTimestamp();
        WeightUpdate update = new() { Path = Path.GetFullPath(body.Path), Version = body.Version, Running = body.Running, KvCache = body.KvCache };
        return await UseAsync(update, received: started, started, body.Checksum, crc32: null, cancellationToken);
    }

    /// <summary>Makes room for an update and checks that the engine has a place for each of its tensors.</summary>
    /// <exception cref="ConflictException">Another update is open.</exception>
    /// <exception cref="InvalidInputException">A tensor is missing, too many, misshaped or of another dtype.</exception>
    public StagedUpdate Begin(BeginUpdateBody body)
    {
        string id = Guid.CreateVersion7(timeProvider.GetUtcNow()).ToString("N");
        lock (_lock)
        {
            if (_open is { } open)
                throw new ConflictException(ProblemCodes.UpdateInProgress, $"Update '{open.Id}' is open; commit or abort it first.");
            if (body.Version <= engine.Model.WeightVersion)
                throw Refused($"Weight version {body.Version} is not above version {engine.Model.WeightVersion}, which is in use.");
            return _open = Stage(id, body);
        }
    }

    /// <summary>The open update of that id, or null.</summary>
    public StagedUpdate? Find(string id) => _open is { } open && open.Id == id ? open : null;

    /// <summary>Puts an update to use, all of whose bytes have arrived. Where it is refused, it stays open.</summary>
    /// <exception cref="ConflictException">Bytes are missing, or pieces are being written.</exception>
    /// <exception cref="InvalidInputException">A checksum does not fit, or the engine refuses the weights.</exception>
    public async Task<WeightUpdateReport> CommitAsync(StagedUpdate staged, CommitUpdateBody body, CancellationToken cancellationToken)
    {
        staged.Close();
        try
        {
            if (staged.Progress is { MissingCount: > 0 } progress)
            {
                throw new ConflictException(
                    ProblemCodes.UpdateIncomplete,
                    $"Update '{staged.Id}' is not complete: {progress.MissingCount} tensors lack bytes, such as '{progress.Missing[0]}'.");
            }

            WeightUpdate update = new()
            {
                Path = staged.Path, Version = staged.Body.Version, Running = staged.Body.Running, KvCache = staged.Body.KvCache,
            };
            WeightUpdateReport report = await UseAsync(
                update, staged.Started, timeProvider.GetTimestamp(), body.Checksum, ReadCrcs(staged, body), cancellationToken);
            lock (_lock)
                _open = null;
            staged.Dispose();
            return report;
        }
        catch
        {
            staged.Reopen();
            throw;
        }
    }

    /// <summary>Forgets an update; the weights in use stay.</summary>
    /// <exception cref="ConflictException">It is being committed, or pieces are being written.</exception>
    public void Abort(StagedUpdate staged)
    {
        staged.Close();
        lock (_lock)
            _open = null;
        staged.Dispose();
        File.Delete(staged.Path);
    }

    /// <summary>Makes a change of weights once those before it are over.</summary>
    /// <exception cref="InvalidInputException">The engine refuses it.</exception>
    public async Task<T> ChangeAsync<T>(Func<Task<T>> change, CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken);
        try
        {
            return await change();
        }
        catch (EngineException exception)
        {
            throw Refused(exception.Message);
        }
        finally
        {
            _changing.Release();
        }
    }

    public void Dispose()
    {
        _open?.Dispose();
        _changing.Dispose();
    }

    /// <summary>How often generation was let go on.</summary>
    public int Resumes => Volatile.Read(ref _resumes);

    /// <summary>Lets generation go on that was paused.</summary>
    public Task ResumeAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _resumes);
        return Receiver.ResumeAsync(cancellationToken);
    }

    /// <summary>The engine's control plane.</summary>
    public IWeightReceiver Receiver => engine as IWeightReceiver
        ?? throw new InvalidInputException(ProblemCodes.NotSupported, $"Engine '{engine.Name}' cannot be asked to pause, to change weights or to lend memory.");

    /// <summary>The embedded engine; another takes its weights where it runs.</summary>
    public LocalEngine Engine() => engine as LocalEngine
        ?? throw new InvalidInputException(ProblemCodes.NotSupported, $"Engine '{engine.Name}' takes no weights here.");

    private StagedUpdate Stage(string id, BeginUpdateBody body)
    {
        string path = folder.FileOf(id);
        StagedUpdate? staged = null;
        try
        {
            staged = new StagedUpdate(id, path, body, timeProvider.GetTimestamp());
            Engine().CheckWeights(path);
            return staged;
        }
        catch (Exception exception)
        {
            staged?.Dispose();
            File.Delete(path);
            throw exception is EngineException ? Refused(exception.Message) : exception;
        }
    }

    private Task<WeightUpdateReport> UseAsync(
        WeightUpdate update, long received, long started, string? checksum, IReadOnlyDictionary<string, uint>? crc32, CancellationToken cancellationToken)
    {
        IWeightReceiver receiver = Receiver;
        return ChangeAsync(async () =>
        {
            string? verified = checksum is null && crc32 is null
                ? null
                : await Task.Run(() => Verify(update.Path, checksum, crc32), cancellationToken);
            TimeSpan verifying = timeProvider.GetElapsedTime(started);
            WeightUpdateResult result = await receiver.UpdateWeightsAsync(update, cancellationToken);
            folder.Use(new CurrentWeights(result.WeightVersion, update.Path, verified));
            if (verified is null)
                _confirmed = Task.Run(() => Confirm(result.WeightVersion, update.Path), CancellationToken.None);
            WeightUpdateReport report = new(
                result.WeightVersion,
                verified,
                (engine as LocalEngine)?.WeightBytes,
                timeProvider.GetElapsedTime(received, started).TotalMilliseconds,
                verifying.TotalMilliseconds,
                result.Load.TotalMilliseconds,
                result.Wait.TotalMilliseconds,
                result.Flush.TotalMilliseconds,
                result.Swap.TotalMilliseconds,
                result.Failures.Count > 0 ? result.Failures : null);
            WeightTelemetry.Record(report);
            Log.WeightsChanged(logger, report.Version, update.Path);
            return _last = report;
        }, cancellationToken);
    }

    private static string Verify(string path, string? checksum, IReadOnlyDictionary<string, uint>? crc32)
    {
        WeightChecksum found = WeightChecksum.Compute(path);
        CheckCrcs(found, crc32);
        return checksum is null || checksum == found.Total
            ? found.Total
            : throw new InvalidInputException(ProblemCodes.ChecksumMismatch, $"The weights add up to {found.Total}, not to {checksum}.");
    }

    /// <summary>Adds weights up that are in use already, so that nobody waits for it.</summary>
    private void Confirm(long version, string path)
    {
        try
        {
            folder.Confirm(version, WeightChecksum.Compute(path).Total);
        }
        catch (Exception exception) when (exception is EngineException or IOException)
        {
            Log.WeightsNotConfirmed(logger, version, path, exception);
        }
    }

    private static Dictionary<string, uint>? ReadCrcs(StagedUpdate staged, CommitUpdateBody body)
    {
        if (body.Crc32 is null)
            return null;
        Dictionary<string, uint> crcs = [];
        foreach ((string name, string hex) in body.Crc32)
        {
            if (staged.Layout.Find(name) is null)
                throw new InvalidInputException(ProblemCodes.InvalidValue, $"Member 'crc32' names tensor '{name}', which update '{staged.Id}' does not have.");
            crcs[name] = ParseCrc(hex);
        }

        return crcs;
    }

    /// <summary>A CRC-32 as it is written: 8 hexadecimal digits.</summary>
    public static uint ParseCrc(string hex) =>
        hex.Length == 8 && uint.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint crc)
            ? crc
            : throw new InvalidInputException(ProblemCodes.InvalidValue, $"CRC-32 '{hex}' is malformed; it must be 8 hexadecimal digits.");

    private static void CheckCrcs(WeightChecksum found, IReadOnlyDictionary<string, uint>? announced)
    {
        foreach ((string name, uint crc) in announced ?? new Dictionary<string, uint>())
        {
            if (found.Tensors[name] != crc)
                throw new InvalidInputException(ProblemCodes.ChecksumMismatch, $"Tensor '{name}' has the CRC-32 {found.Tensors[name]:x8}; {crc:x8} was announced.");
        }
    }

    private static InvalidInputException Refused(string message) => new(ProblemCodes.WeightsRefused, message);
}
