using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace AgentRollout.RolloutEngine.Routing;

/// <summary>
/// Several engines as one. A trajectory's turns go where its beginning is computed, a group's samples together, others where there is the least to do
/// (<see cref="RoutingPolicy"/>); only to engines that answer and have the newest weights. A request whose engine is lost goes on at another from the
/// tokens that it has, as <see cref="GenerationRequest.OnInterrupt"/> says; <see cref="TokenChunk.Engine"/> tells which tokens came from where.
/// </summary>
public sealed class RouterEngine : IEngineNode, ITokenScorer, IWeightGroupMember, IAsyncDisposable
{
    private readonly EngineModel _model;
    private readonly RoutingOptions _options;
    private readonly ILogger _logger;
    private readonly Fleet _fleet;
    private readonly FleetControl _control;
    private readonly FleetGroups _groups;

    /// <param name="model">What the engines serve; the weight version and a smaller context are theirs.</param>
    /// <param name="options">Bounds and times.</param>
    /// <param name="loggers">Hear of engines that come and go, and of requests that move.</param>
    /// <param name="time">For deadlines, probes and waits.</param>
    /// <param name="weights">What the engines were given last, by a router before this one.</param>
    public RouterEngine(EngineModel model, RoutingOptions options, ILoggerFactory loggers, TimeProvider? time = null, StartWeights? weights = null)
    {
        (_model, _options) = (model, options);
        _logger = loggers.CreateLogger<RouterEngine>();
        _fleet = new Fleet(options, time ?? TimeProvider.System, _logger);
        _control = new FleetControl(_fleet, _logger);
        _groups = new FleetGroups(_fleet);
        if (weights is not null)
            _fleet.Wanted.Took(weights.Version, new WeightUpdate { Path = weights.Path, Version = weights.Version });
    }

    public string Name => "router";

    public EngineModel Model => _model with
    {
        WeightVersion = _fleet.NewestVersion,
        ContextLength = _fleet.Answering.Select(slot => slot.Node?.Model.ContextLength).Append(_model.ContextLength).Min()!.Value,
    };

    /// <summary>The engines as they are now.</summary>
    public IReadOnlyList<EngineStatus> Engines => _fleet.Describe();

    /// <summary>How often each reason decided where a request goes.</summary>
    public IReadOnlyDictionary<RoutingReason, long> Choices => _fleet.Choices;

    /// <summary>Adds an engine, whether or not it answers yet. Ends when it has answered, or has failed to.</summary>
    /// <param name="name">Its name in the fleet.</param>
    /// <param name="connect">Connects to it, again after it was lost. What it gives is disposed when it is lost or removed, where it can be.</param>
    /// <param name="cancellationToken">Gives up waiting; the engine stays.</param>
    /// <exception cref="EngineException">There is one of this name.</exception>
    public Task AddAsync(string name, Func<CancellationToken, Task<IEngineNode>> connect, CancellationToken cancellationToken) =>
        _fleet.AddAsync(name, connect, cancellationToken);

    /// <summary>Lets an engine finish what it has and sends it nothing new; trajectories go on elsewhere with their next turn.</summary>
    /// <returns>False where there is none of this name.</returns>
    public bool Drain(string name) => _fleet.Drain(name);

    /// <summary>Takes an engine out of the fleet.</summary>
    /// <param name="name">Its name in the fleet.</param>
    /// <param name="atOnce">Whether what it still has goes on elsewhere; else it is waited for.</param>
    /// <param name="cancellationToken">Gives up waiting; the engine keeps draining.</param>
    /// <returns>False where there is none of this name.</returns>
    public Task<bool> RemoveAsync(string name, bool atOnce, CancellationToken cancellationToken) => _fleet.RemoveAsync(name, atOnce, cancellationToken);

    public async IAsyncEnumerable<TokenChunk> GenerateAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        request.Validate(Model);
        cancellationToken.ThrowIfCancellationRequested();
        Continuation generation = new(request);
        while (true)
        {
            GenerationRequest remaining = generation.Remaining();
            using EngineLease? lease = await _fleet.AcquireAsync(remaining, cancellationToken);
            if (lease is null)
            {
                yield return Continuation.End(request, FinishReason.Deadline, Model.WeightVersion);
                yield break;
            }

            await using IAsyncEnumerator<TokenChunk> chunks = lease.Node.GenerateAsync(remaining, lease.Token).GetAsyncEnumerator(CancellationToken.None);
            long version = lease.Node.Model.WeightVersion;
            while (await lease.NextAsync(chunks) is { } chunk)
            {
                version = chunk.WeightVersion;
                foreach (TokenChunk ready in generation.Take(chunk))
                    yield return ready;
                if (chunk.Finish is not null)
                    yield break;
            }

            if (generation.Lose() is { } finish)
            {
                yield return Continuation.End(request, finish, version) with { Engine = lease.Engine };
                yield break;
            }

            if (generation.Losses >= _options.MaxLosses)
            {
                throw new EngineException(
                    $"Request '{request.Id}' was lost with {generation.Losses} engines in a row, the last of them '{lease.Engine}', without a token from any.") { IsLost = true };
            }

            Log.RequestMoves(_logger, request.Id, lease.Engine, generation.Sampled);
        }
    }

    /// <inheritdoc/>
    /// <remarks>The first engine is asked that answers, has the newest weights and can tell.</remarks>
    public Task<TokenScores> ScoreAsync(ReadOnlyMemory<int> tokens, CancellationToken cancellationToken) =>
        _fleet.Answering.Where(slot => slot.WeightVersion >= _fleet.NewestVersion).Select(slot => slot.Node).OfType<ITokenScorer>().FirstOrDefault() is { } scorer
            ? scorer.ScoreAsync(tokens, cancellationToken)
            : throw new EngineException("No engine that answers can tell the log-probabilities of given tokens.");

    /// <summary>Asks all engines that answer: sums, and the mean of the shares.</summary>
    /// <exception cref="EngineException">None answers.</exception>
    public Task<EngineLoad> ProbeAsync(CancellationToken cancellationToken) => _control.ProbeAsync(cancellationToken);

    public bool IsPaused => _fleet.Wanted.IsPaused;

    /// <inheritdoc/>
    /// <remarks>An engine that is away pauses before it takes requests again.</remarks>
    public Task PauseAsync(bool retract = false, CancellationToken cancellationToken = default) => _control.PauseAsync(retract, cancellationToken);

    public Task ResumeAsync(CancellationToken cancellationToken = default) => _control.ResumeAsync(cancellationToken);

    public Task<int?> FlushCacheAsync(CancellationToken cancellationToken = default) => _control.FlushCacheAsync(cancellationToken);

    /// <summary>
    /// Changes the weights of all engines. Where some take them, those that did not are stale and get no requests until they have them; the last update
    /// is tried again with them. <see cref="WeightUpdateResult.Failures"/> names them.
    /// </summary>
    /// <exception cref="EngineException">No engine took them, or their version is not above the one in use.</exception>
    public Task<WeightUpdateResult> UpdateWeightsAsync(WeightUpdate update, CancellationToken cancellationToken) =>
        _control.UpdateWeightsAsync(update, cancellationToken);

    public Task<ReleasedMemory?> ReleaseMemoryAsync(EngineMemory memory, CancellationToken cancellationToken = default) =>
        _control.ReleaseMemoryAsync(memory, cancellationToken);

    public Task ResumeMemoryAsync(EngineMemory memory, CancellationToken cancellationToken) => _control.ResumeMemoryAsync(memory, cancellationToken);

    public int Workers => _groups.Workers;

    /// <inheritdoc/>
    /// <remarks>
    /// All engines join, with ranks one behind the other, or none does. An engine that comes back, or is added, after a broadcast is stale until it
    /// has joined and received the next one.
    /// </remarks>
    public Task PassAsync(WeightGroupCall call, CancellationToken cancellationToken) => _groups.PassAsync(call, cancellationToken);

    /// <summary>Lets all engines go; requests that run or wait fail.</summary>
    public ValueTask DisposeAsync() => _fleet.DisposeAsync();
}
