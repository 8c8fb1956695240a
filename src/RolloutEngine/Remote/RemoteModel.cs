using AgentRollout.RolloutEngine.Weights;

namespace AgentRollout.RolloutEngine.Remote;

/// <summary>What a model's folder tells of a model that runs elsewhere, whatever its architecture.</summary>
internal static class RemoteModel
{
    /// <param name="folder">Has <c>config.json</c>; null where there is none.</param>
    /// <param name="engine">For the error.</param>
    /// <param name="contextLength">The server's own limit; null where it names none.</param>
    /// <exception cref="EngineException">There is no folder, or it does not say enough.</exception>
    public static EngineModel Read(string? folder, string engine, int? contextLength)
    {
        if (folder is null)
            throw new EngineException($"Engine '{engine}' does not tell its vocabulary, context length and stop tokens; a local folder with the model's config.json must be given.");
        ConfigFile config = ModelConfig.OpenFolder(folder);
        ConfigFile text = config.Object("text_config") ?? config;
        ConfigFile? generation = ConfigFile.Read(Path.Combine(folder, "generation_config.json"));
        int context = text.Integer("max_position_embeddings");
        return new EngineModel(
            ModelConfig.NameOf(folder),
            text.Integer("vocab_size"),
            Math.Min(context, contextLength ?? context),
            generation?.Integers("eos_token_id") ?? config.Integers("eos_token_id") ?? text.Integers("eos_token_id") ?? [],
            WeightVersion: 0);
    }
}
