using System.Text.Json;

namespace AgentRollout.RolloutEngine.Weights;

/// <summary>
/// The weights of a Hugging Face folder: one <c>model.safetensors</c>, or several behind <c>model.safetensors.index.json</c>. Or one
/// safetensors file of any name.
/// </summary>
internal sealed class Checkpoint : IDisposable
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    private readonly Dictionary<string, SafetensorsFile> _fileOf = [];
    private readonly HashSet<string> _unread;
    private readonly List<SafetensorsFile> _files = [];
    private string _prefix = "";

    private Checkpoint(string path)
    {
        Path = path;
        try
        {
            if (File.Exists(path))
                Add(SafetensorsFile.Open(path));
            else if (File.Exists(In(IndexFile)))
                OpenShards();
            else if (File.Exists(In(SingleFile)))
                Add(SafetensorsFile.Open(In(SingleFile)));
            else
                throw new EngineException($"'{path}' is no safetensors file and no model folder: it has neither {SingleFile} nor {IndexFile}.");
        }
        catch
        {
            Dispose();
            throw;
        }

        _unread = [.. _fileOf.Keys];
    }

    /// <summary>The folder or file.</summary>
    public string Path { get; }

    /// <summary>All tensors, by name.</summary>
    public IEnumerable<TensorView> Tensors
    {
        get
        {
            foreach ((string name, SafetensorsFile file) in _fileOf.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                if (file.TryGet(name, out TensorView tensor))
                    yield return tensor;
            }
        }
    }

    /// <summary>Tensors that nothing asked for yet.</summary>
    public IReadOnlyCollection<string> Unread => _unread;

    /// <summary>Whether its tensors are BF16, all of them.</summary>
    public bool IsBFloat16 => _fileOf.All(entry => entry.Value.TryGet(entry.Key, out TensorView tensor) && tensor.IsBFloat16);

    /// <summary>Opens the weights of a model folder, or one file.</summary>
    /// <exception cref="EngineException">A file is missing or damaged.</exception>
    public static Checkpoint Open(string path) => new(path);

    /// <summary>A tensor that the architecture needs.</summary>
    /// <exception cref="EngineException">It is missing, misshaped, or of a dtype that the engine does not compute with.</exception>
    public TensorView Get(string name, params ReadOnlySpan<int> shape)
    {
        string stored = name.StartsWith(_prefix, StringComparison.Ordinal) ? name[_prefix.Length..] : name;
        if (!_fileOf.TryGetValue(stored, out SafetensorsFile? file) || !file.TryGet(stored, out TensorView tensor))
            throw new EngineException($"'{Path}' has no tensor '{name}'; its shape would be [{string.Join(", ", shape.ToArray())}].");
        _unread.Remove(name);
        return tensor.Expect(shape);
    }

    public bool Contains(string name) => _fileOf.ContainsKey(name);

    /// <summary>From now on all names have this in front, which models that were saved without their head leave out.</summary>
    public void PutInFront(string prefix)
    {
        _prefix = prefix;
        string[] unread = [.. _unread.Select(name => prefix + name)];
        _unread.Clear();
        _unread.UnionWith(unread);
    }

    /// <summary>Marks a tensor as one that is rightly not used.</summary>
    public void Skip(string name) => _unread.Remove(name);

    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
    }

    private string In(string file) => System.IO.Path.Combine(Path, file);

    private void OpenShards()
    {
        string indexPath = In(IndexFile);
        Dictionary<string, string> map = ReadIndex(indexPath);
        foreach (IGrouping<string, string> shard in map.GroupBy(entry => entry.Value, entry => entry.Key))
        {
            if (System.IO.Path.GetFileName(shard.Key) != shard.Key)
                throw new EngineException($"'{indexPath}' names the file '{shard.Key}', which is not in the model folder.");
            SafetensorsFile file = SafetensorsFile.Open(In(shard.Key));
            Add(file);
            if (shard.FirstOrDefault(name => !file.Names.Contains(name)) is { } missing)
                throw new EngineException($"'{indexPath}' places tensor '{missing}' in '{shard.Key}', which does not have it.");
        }
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        try
        {
            using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(path));
            return index.RootElement.GetProperty("weight_map").EnumerateObject()
                .ToDictionary(entry => entry.Name, entry => entry.Value.GetString() ?? "");
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new EngineException($"'{path}' is not an index of safetensors files ({exception.Message.TrimEnd('.')}).", exception);
        }
    }

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (string name in file.Names)
        {
            if (!_fileOf.TryAdd(name, file))
                throw new EngineException($"Tensor '{name}' is both in '{_fileOf[name].Path}' and in '{file.Path}'.");
        }
    }
}
