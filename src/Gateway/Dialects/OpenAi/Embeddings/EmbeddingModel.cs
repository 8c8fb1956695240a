using System.Text.Json;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.Tokenization;

namespace AgentRollout.Gateway.Dialects.OpenAi.Embeddings;

/// <summary>A model that gives one vector per text, with its tokenizer.</summary>
internal sealed class EmbeddingModel : IAsyncDisposable
{
    private readonly PooledEngine _engine;
    private readonly bool _canBeCut;

    private EmbeddingModel(PooledEngine engine, Tokenizer tokenizer, bool canBeCut) => (_engine, Tokenizer, _canBeCut) = (engine, tokenizer, canBeCut);

    /// <summary>The folder's name.</summary>
    public string Name => _engine.Model.Name;

    /// <summary>Most tokens of a text.</summary>
    public int ContextLength => _engine.Model.ContextLength;

    public Tokenizer Tokenizer { get; }

    /// <summary>Loads a model folder.</summary>
    /// <exception cref="EngineException">The weights are refused, or the model is a classifier.</exception>
    /// <exception cref="TokenizerException">The tokenizer is refused.</exception>
    public static EmbeddingModel Load(string directory, EngineOptions options, ILoggerFactory loggers)
    {
        PooledModel model = PooledEngine.Describe(directory);
        if (model.Labels.Count > 0)
            throw new EngineException($"'{model.Name}' is a {model.Architecture} with the labels {string.Join(", ", model.Labels)}; an embedding model has no head.");
        Tokenizer tokenizer = Tokenizer.Load(directory);
        return new EmbeddingModel(PooledEngine.Load(directory, options, loggers), tokenizer, IsMatryoshka(directory));
    }

    /// <summary>Checks a sequence before anything is computed.</summary>
    /// <exception cref="Errors.InvalidInputException">The model cannot take it.</exception>
    public void Check(ReadOnlySpan<int> tokens, string name)
    {
        PooledModel model = _engine.Model;
        if (tokens.IsEmpty || tokens.Length > model.ContextLength)
            throw DialectValues.Invalid($"'{name}' has {tokens.Length} tokens; '{model.Name}' takes 1 to {model.ContextLength}.");
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)model.VocabularySize)
                throw DialectValues.Invalid($"'{name}' has token id {token}; ids of '{model.Name}' are 0 to {model.VocabularySize - 1}.");
        }
    }

    /// <summary>Checks how many numbers a vector shall have; null is all.</summary>
    /// <exception cref="Errors.InvalidInputException">The model's vectors cannot be cut to that.</exception>
    public void CheckDimensions(int? dimensions)
    {
        int all = _engine.Model.HiddenSize;
        if (dimensions is null || dimensions == all)
            return;
        if (!_canBeCut)
            throw DialectValues.Invalid($"'dimensions' is {dimensions}; vectors of '{Name}' have {all}, and it was not trained to be cut (its config.json has no 'is_matryoshka').");
        if (dimensions < 1 || dimensions > all)
            throw DialectValues.Invalid($"'dimensions' is {dimensions}; it must be 1 to {all}.");
    }

    /// <summary>The vector of a sequence that was checked; one that is cut has length 1 again.</summary>
    /// <exception cref="EngineException">The engine has stopped.</exception>
    public async Task<float[]> EmbedAsync(string id, ReadOnlyMemory<int> tokens, int? dimensions, CancellationToken cancellationToken)
    {
        float[] vector = await _engine.EmbedAsync(new PooledRequest { Id = id, Tokens = tokens }, cancellationToken);
        if (dimensions is not { } count || count == vector.Length)
            return vector;
        float[] cut = vector[..count];
        double length = Math.Sqrt(cut.Sum(x => (double)x * x));
        return length == 0 ? cut : [.. cut.Select(x => (float)(x / length))];
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    /// <summary>Whether beginnings of vectors are vectors too, as vLLM reads it from <c>config.json</c>.</summary>
    private static bool IsMatryoshka(string directory)
    {
        JsonElement config = JsonElement.Parse(File.ReadAllBytes(Path.Combine(directory, "config.json")));
        return DialectValues.IsSet(DialectValues.Member(config, "is_matryoshka")) || DialectValues.IsSet(DialectValues.Member(config, "matryoshka_dimensions"));
    }
}
