using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.Gateway.Weights;

/// <summary>
/// Where streamed weights are kept, and <c>current.json</c>, which says what was in use last, so that a server that starts again goes on with
/// them under their version.
/// </summary>
internal sealed class WeightFolder
{
    private const string CurrentFile = "current.json";

    private readonly string _folder;
    private readonly Lock _lock = new();

    private WeightFolder(string folder) => _folder = folder;

    /// <summary>The weights that were in use last; null where the model's own never changed.</summary>
    public CurrentWeights? Current { get; private set; }

    /// <summary>Makes the folder where it is missing and removes what an update left that was never committed.</summary>
    /// <exception cref="IOException">The weights in use last are gone or damaged; the message says what to do.</exception>
    public static WeightFolder Open(string path)
    {
        WeightFolder folder = new(Path.GetFullPath(path));
        Directory.CreateDirectory(folder._folder);
        if (File.Exists(folder.In(CurrentFile)))
            folder.Current = folder.ReadCurrent();
        foreach (string file in Directory.EnumerateFiles(folder._folder, "*.safetensors").Where(file => file != folder.Current?.Path))
            File.Delete(file);
        return folder;
    }

    /// <summary>The weights that the server of a folder used last, or uses now; nothing is changed there. Null where the model's own never changed.</summary>
    /// <exception cref="IOException">They are gone or damaged; the message says what to do.</exception>
    public static CurrentWeights? Peek(string path)
    {
        WeightFolder folder = new(Path.GetFullPath(path));
        return File.Exists(folder.In(CurrentFile)) ? folder.ReadCurrent() : null;
    }

    /// <summary>The file of a streamed update.</summary>
    public string FileOf(string updateId) => In(updateId + ".safetensors");

    /// <summary>Remembers weights as those in use and removes the ones before, if they are in this folder.</summary>
    public void Use(CurrentWeights weights)
    {
        lock (_lock)
        {
            string? before = Current?.Path;
            Write(weights);
            if (before is not null && before != weights.Path && Path.GetDirectoryName(before) == _folder)
                File.Delete(before);
        }
    }

    /// <summary>Remembers what the weights of a version add up to, if they are still those in use.</summary>
    public void Confirm(long version, string checksum)
    {
        lock (_lock)
        {
            if (Current is { } current && current.Version == version)
                Write(current with { Checksum = checksum });
        }
    }

    private void Write(CurrentWeights weights)
    {
        string draft = In(CurrentFile + ".new");
        File.WriteAllBytes(draft, JsonSerializer.SerializeToUtf8Bytes(weights, GatewayJson.Default.CurrentWeights));
        File.Move(draft, In(CurrentFile), overwrite: true);
        Current = weights;
    }

    private CurrentWeights ReadCurrent()
    {
        string remedy = $"Put them back, or delete '{In(CurrentFile)}' to start with the weights of the model folder at version 0.";
        try
        {
            CurrentWeights current = JsonSerializer.Deserialize(File.ReadAllBytes(In(CurrentFile)), GatewayJson.Default.CurrentWeights)!;
            string found = WeightChecksum.Compute(current.Path).Total;
            return current.Checksum is null || found == current.Checksum
                ? current with { Checksum = found }
                : throw new IOException($"'{current.Path}' does not hold the weights of version {current.Version} any more: its checksum is {found}, not {current.Checksum}. {remedy}");
        }
        catch (Exception exception) when (exception is JsonException or EngineException)
        {
            throw new IOException($"The weights in use last cannot be read: {exception.Message.TrimEnd('.')}. {remedy}", exception);
        }
    }

    private string In(string file) => Path.Combine(_folder, file);
}

/// <summary>Weights in use.</summary>
/// <param name="Version">Their version.</param>
/// <param name="Path">A model folder, or a safetensors file.</param>
/// <param name="Checksum">What they add up to; null until that is known.</param>
internal sealed record CurrentWeights(long Version, string Path, string? Checksum);
