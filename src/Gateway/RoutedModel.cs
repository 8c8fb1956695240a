using AgentRollout.Environments;
using AgentRollout.Gateway.Engines;
using AgentRollout.RolloutEngine;
using AgentRollout.RolloutEngine.Routing;
using AgentRollout.Tokenization.Chat;

namespace AgentRollout.Gateway;

/// <summary>A model that other servers compute: a router over them, and the policy of the folder's tokenizer and template around it.</summary>
internal sealed class RoutedModel : IAsyncDisposable
{
    private RoutedModel(RouterEngine router, ChatFormat format)
    {
        Router = router;
        Policy = new Policy(router.Model.Name, router, format);
    }

    public RouterEngine Router { get; }

    public Policy Policy { get; }

    /// <summary>Reads what the folder says of the model; its weights need not be there.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="routing">Bounds and times.</param>
    /// <param name="loggers">Hear of what happens.</param>
    /// <param name="chat">How messages become tokens.</param>
    /// <param name="weights">What a trainer gave the engines last.</param>
    /// <exception cref="EngineException">The folder has no readable configuration.</exception>
    /// <exception cref="Tokenization.TokenizerException">The tokenizer or template is refused.</exception>
    public static RoutedModel Load(string folder, RoutingSettings routing, ILoggerFactory loggers, ChatFormatOptions? chat = null, StartWeights? weights = null) =>
        new(new RouterEngine(EngineModel.Read(folder), routing.ToOptions(), loggers, weights: weights), ChatFormat.Load(folder, chat));

    public ValueTask DisposeAsync() => Router.DisposeAsync();
}
