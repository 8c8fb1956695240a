using AgentRollout.Environments;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Local;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway;

/// <summary>A model's folder, loaded: the embedded engine and the policy around it.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private LoadedModel(LocalEngine engine, ChatFormat format)
    {
        Engine = engine;
        Policy = new Policy(engine.Model.Name, engine, format);
    }

    public LocalEngine Engine { get; }

    public Policy Policy { get; }

    /// <summary>Reads weights, tokenizer and template at the same time.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Limits of the engine.</param>
    /// <param name="loggers">Hear of what happens.</param>
    /// <param name="chat">How messages become tokens.</param>
    /// <param name="weights">In place of those of the folder.</param>
    /// <exception cref="EngineException">The weights or an option are refused.</exception>
    /// <exception cref="Tokenization.TokenizerException">The tokenizer or template is refused.</exception>
    public static async Task<LoadedModel> LoadAsync(
        string folder, EngineOptions options, ILoggerFactory loggers, ChatFormatOptions? chat = null, StartWeights? weights = null)
    {
        Task<ChatFormat> format = Task.Run(() => ChatFormat.Load(folder, chat));
        LocalEngine engine = await Task.Run(() => LocalEngine.Load(folder, options, loggers, weights: weights));
        try
        {
            return new LoadedModel(engine, await format);
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
