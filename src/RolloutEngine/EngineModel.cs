using AgentRollout.RolloutEngine.Remote;

namespace AgentRollout.RolloutEngine;

/// <summary>What an engine serves.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="VocabularySize">Token ids are in [0, VocabularySize).</param>
/// <param name="ContextLength">Most tokens of prompt and continuation together.</param>
/// <param name="StopTokenIds">The checkpoint's end-of-sequence ids (<c>generation_config.json</c>, else <c>config.json</c>).</param>
/// <param name="WeightVersion">Changes whenever the weights do; starts at 0.</param>
public sealed record EngineModel(
    string Name,
    int VocabularySize,
    int ContextLength,
    IReadOnlyList<int> StopTokenIds,
    long WeightVersion)
{
    /// <summary>What a model's folder says, whatever its architecture; its weights need not be there.</summary>
    /// <exception cref="EngineException">The folder has no <c>config.json</c>, or it does not say enough.</exception>
    public static EngineModel Read(string folder) => RemoteModel.Read(folder, Path.GetFileName(folder), contextLength: null);
}
