using System.Text.Json;
using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Pooling;

/// <summary>
/// What the files of a folder say about a model that is pooled: <c>config.json</c>, and <c>modules.json</c> and <c>1_Pooling/config.json</c>
/// where it was saved by sentence-transformers.
/// </summary>
internal sealed record PooledModelConfig
{
    private const string Classifier = "ForSequenceClassification";

    private static readonly Dictionary<string, string> _encoders = new(StringComparer.Ordinal)
    {
        ["Bert"] = "bert", ["Roberta"] = "roberta", ["XLMRoberta"] = "roberta",
    };

    public required string Name { get; init; }

    public required string Architecture { get; init; }

    /// <summary>Null for an encoder.</summary>
    public required ModelConfig? Decoder { get; init; }

    /// <summary>Null for a decoder.</summary>
    public required EncoderConfig? Encoder { get; init; }

    public required PoolingKind Pooling { get; init; }

    public required bool Normalize { get; init; }

    /// <summary>Empty without a classification head.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Whether a folder holds a model for <see cref="PooledEngine"/> and not one that generates.</summary>
    public static bool IsPooled(string directory) => ConfigFile.Read(Path.Combine(directory, "config.json")) is { } config
        && (!config.Architecture().EndsWith("ForCausalLM", StringComparison.Ordinal) || File.Exists(Path.Combine(directory, "modules.json")));

    /// <exception cref="EngineException">A file is missing, or asks for something that the engine does not compute.</exception>
    public static PooledModelConfig Load(string directory)
    {
        ConfigFile config = ModelConfig.OpenFolder(directory);
        string architecture = config.Architecture();
        bool isClassifier = architecture.EndsWith(Classifier, StringComparison.Ordinal);
        EncoderConfig? encoder = EncoderFamily(architecture) is { } family ? EncoderConfig.Read(config, family) : null;
        return new PooledModelConfig
        {
            Name = ModelConfig.NameOf(directory),
            Architecture = architecture,
            Encoder = encoder,
            Decoder = encoder is null ? ModelConfig.LoadBackbone(directory) : null,
            Pooling = isClassifier || ReadPooling(directory) is not { } pooling ? Standard(encoder is not null, isClassifier) : pooling,
            Normalize = !isClassifier && Modules(directory).Any(module => module.EndsWith(".Normalize", StringComparison.Ordinal)),
            Labels = isClassifier ? ReadLabels(config) : [],
        };
    }

    /// <summary>The model as its users see it.</summary>
    public PooledModel Describe(EngineOptions options)
    {
        int most = Encoder?.ContextLength ?? Decoder!.ContextLength;
        if (options.ContextLength > most)
            throw new EngineException($"Engine option ContextLength is {options.ContextLength}; '{Name}' allows at most {most}.");
        return new PooledModel(
            Name, Architecture, Encoder?.VocabularySize ?? Decoder!.VocabularySize, options.ContextLength > 0 ? options.ContextLength : most,
            Encoder?.HiddenSize ?? Decoder!.HiddenSize, Pooling, Normalize, Labels);
    }

    private static string? EncoderFamily(string architecture) => _encoders.GetValueOrDefault(architecture
        .Replace(Classifier, "", StringComparison.Ordinal).Replace("Model", "", StringComparison.Ordinal));

    private static PoolingKind Standard(bool isEncoder, bool isClassifier) => (isEncoder, isClassifier) switch
    {
        (false, _) => PoolingKind.LastToken,
        (true, true) => PoolingKind.FirstToken,
        (true, false) => PoolingKind.Mean,
    };

    private static PoolingKind? ReadPooling(string directory)
    {
        if (ConfigFile.Read(Path.Combine(directory, "1_Pooling", "config.json")) is not { } config)
            return null;
        (string Key, PoolingKind Kind)[] known =
        [
            ("pooling_mode_mean_tokens", PoolingKind.Mean), ("pooling_mode_lasttoken", PoolingKind.LastToken), ("pooling_mode_cls_token", PoolingKind.FirstToken),
        ];
        PoolingKind[] asked = [.. known.Where(mode => config.Flag(mode.Key, otherwise: false)).Select(mode => mode.Kind)];
        return asked is [var only]
            ? only
            : throw config.Unsupported("pooling modes", $"{asked.Length} of {string.Join(", ", known.Select(mode => mode.Key))} set", "exactly one of them");
    }

    private static IEnumerable<string> Modules(string directory)
    {
        string path = Path.Combine(directory, "modules.json");
        if (!File.Exists(path))
            return [];
        try
        {
            using JsonDocument modules = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. modules.RootElement.EnumerateArray().Select(module => module.GetProperty("type").GetString() ?? "")];
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new EngineException($"'{path}' is not a list of modules ({exception.Message.TrimEnd('.')}).", exception);
        }
    }

    private static IReadOnlyList<string> ReadLabels(ConfigFile config)
    {
        if (config.Element("id2label") is { ValueKind: JsonValueKind.Object } labels)
            return [.. labels.EnumerateObject().Select(label => label.Value.ToString())];
        return [.. Enumerable.Range(0, config.OptionalInteger("num_labels") ?? 2).Select(label => $"LABEL_{label}")];
    }
}
