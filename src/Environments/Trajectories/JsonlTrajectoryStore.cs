using System.Runtime.CompilerServices;
using System.Text.Json;

namespace AgentRollout.Environments.Trajectories;

/// <summary>Trajectories as lines of one file: what <c>agentrollout rollout --out</c> writes and <c>audit</c> reads.</summary>
public sealed class JsonlTrajectoryStore : ITrajectoryStore, IAsyncDisposable
{
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly FileStream _file;
    private readonly string _path;

    private JsonlTrajectoryStore(string path, FileStream file)
    {
        _path = path;
        _file = file;
    }

    /// <summary>Starts a new file, in place of one that may be there.</summary>
    public static JsonlTrajectoryStore Create(string path) =>
        new(path, new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read));

    /// <summary>Reads the lines of a file one by one; blank lines are skipped.</summary>
    /// <exception cref="InvalidDataException">A line is not a trajectory; the message names file, line and member.</exception>
    public static async IAsyncEnumerable<Trajectory> ReadFileAsync(
        string path,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int line = 0;
        await foreach (string text in File.ReadLinesAsync(path, cancellationToken))
        {
            line++;
            if (!string.IsNullOrWhiteSpace(text))
                yield return Parse(path, line, text);
        }
    }

    public async ValueTask AppendAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        byte[] line = [.. TrajectoryJson.SerializeToUtf8(trajectory), (byte)'\n'];
        await _writing.WaitAsync(cancellationToken);
        try
        {
            if (!_ids.Add(trajectory.Id))
                throw new InvalidOperationException($"Trajectory '{trajectory.Id}' is stored already.");
            await _file.WriteAsync(line, cancellationToken);
            await _file.FlushAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask<Trajectory?> FindAsync(string trajectoryId, CancellationToken cancellationToken) =>
        await ReadFileAsync(_path, cancellationToken).FirstOrDefaultAsync(trajectory => trajectory.Id == trajectoryId, cancellationToken);

    public IAsyncEnumerable<Trajectory> ReadAsync(string rolloutId, CancellationToken cancellationToken) =>
        ReadFileAsync(_path, cancellationToken).Where(trajectory => trajectory.RolloutId == rolloutId);

    public async ValueTask DisposeAsync()
    {
        await _file.DisposeAsync();
        _writing.Dispose();
    }

    private static Trajectory Parse(string path, int line, string text)
    {
        try
        {
            return TrajectoryJson.Deserialize(System.Text.Encoding.UTF8.GetBytes(text));
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{path}, line {line} is not a trajectory: {exception.Message}", exception);
        }
    }
}
