using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Pooling;
using AgentRollout.Tokenization;
using AgentRollout.Tokenization.Chat;
using Microsoft.Extensions.Logging;

namespace AgentRollout.Environments.Rewards;

/// <summary>
/// A reward model: scores a whole conversation with a checkpoint of its own, a sequence classifier with one output, through its own tokenizer
/// and chat template. What the conversation says never becomes a control token there, so that a policy cannot spell one.
/// </summary>
public sealed class ModelReward : IAsyncDisposable
{
    /// <summary>The name of its component in a trajectory's rewards.</summary>
    public const string Component = "reward_model";

    private readonly PooledEngine _engine;
    private readonly Tokenizer _tokenizer;
    private readonly ChatTemplate _template;

    private ModelReward(PooledEngine engine, Tokenizer tokenizer, ChatTemplate template) =>
        (_engine, _tokenizer, _template) = (engine, tokenizer, template);

    /// <summary>Loads a model folder.</summary>
    /// <exception cref="EngineException">The weights are refused, or the model is no classifier with one output.</exception>
    /// <exception cref="TokenizerException">The tokenizer or template is refused.</exception>
    public static ModelReward Load(string directory, EngineOptions options, ILoggerFactory loggers)
    {
        PooledModel model = PooledEngine.Describe(directory);
        if (model.Labels.Count != 1)
            throw new EngineException($"'{model.Name}' is a {model.Architecture} with {model.Labels.Count} outputs; a reward model is a classifier with one.");
        Tokenizer tokenizer = Tokenizer.Load(directory);
        ChatTemplate template = ChatTemplate.Load(directory);
        return new ModelReward(PooledEngine.Load(directory, options, loggers), tokenizer, template);
    }

    /// <summary>The score of a conversation: any finite number, the higher the better.</summary>
    /// <exception cref="EngineException">The conversation is longer than the model's context.</exception>
    /// <exception cref="TokenizerException">The template refuses the conversation.</exception>
    public async ValueTask<double> ScoreAsync(
        string id, IReadOnlyList<ChatMessage> messages, IReadOnlyList<FunctionSchema> tools, CancellationToken cancellationToken)
    {
        RenderedChat chat = _template.RenderTracked(messages, tools, addGenerationPrompt: false);
        int[] tokens = _tokenizer.EncodeWithStarts(chat.Text, chat.ContentSpans).Ids;
        float[] scores = await _engine.ClassifyAsync(new PooledRequest { Id = id, Tokens = tokens }, cancellationToken);
        return scores[0];
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
