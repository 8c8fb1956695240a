using AgentRollout.Gateway.Dialects;
using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Weights;

/// <summary>
/// Passes a trainer's broadcast of weights on to engines that run elsewhere, and counts its versions: an update comes in many parts. Thread-safe.
/// </summary>
internal sealed class WeightBroadcast(ITokenEngine engine, WeightService weights, WeightLabels labels, ILogger<WeightBroadcast> logger)
{
    private volatile Update? _last;

    /// <summary>Checks that there is an engine that can join a process group.</summary>
    /// <exception cref="InvalidInputException">There is none; the message is the reason.</exception>
    public void Require(string reason) => _ = engine as IWeightGroupMember ?? throw DialectValues.Invalid(reason);

    /// <summary>Passes a call on that brings no tensors.</summary>
    /// <param name="call">The call.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidInputException">The engine refuses.</exception>
    public async Task PassAsync(WeightGroupCall call, CancellationToken cancellationToken)
    {
        try
        {
            await Member.PassAsync(call, cancellationToken);
        }
        catch (EngineException exception)
        {
            throw new InvalidInputException(ProblemCodes.WeightsRefused, exception.Message);
        }

        if (call.Step is WeightGroupStep.Begin or WeightGroupStep.End)
            _last = null;
    }

    /// <summary>Has the engine receive a part of an update.</summary>
    /// <param name="call">The call.</param>
    /// <param name="name">
    /// What the trainer calls the weights; parts of one name are one update. Parts without a name are one update until one of them is the last, or
    /// generation goes on.
    /// </param>
    /// <param name="isLast">Whether the next part without a name begins another update.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The engine's number for the weights.</returns>
    /// <exception cref="InvalidInputException">The engine refuses.</exception>
    public Task<long> ReceiveAsync(WeightGroupCall call, string? name, bool isLast, CancellationToken cancellationToken) =>
        weights.ChangeAsync(async () =>
        {
            long current = engine.Model.WeightVersion;
            bool goesOn = _last is { } last && last.Version == current && (name is null ? last.IsOpen && last.Resumes == weights.Resumes : labels.NameOf(current) == name);
            long version = goesOn ? current : labels.NumberFor(name) ?? current + 1;
            await Member.PassAsync(call with { Version = version }, cancellationToken);
            if (name is not null)
                labels.Name(name, version);
            _last = new Update(version, IsOpen: !isLast, weights.Resumes);
            if (!goesOn)
                Log.WeightsBroadcast(logger, version);
            return version;
        }, cancellationToken);

    private IWeightGroupMember Member => (IWeightGroupMember)engine;

    /// <summary>The update that parts came of last.</summary>
    /// <param name="Version">The engine's number for it.</param>
    /// <param name="IsOpen">Whether a part without a name belongs to it.</param>
    /// <param name="Resumes">How often generation had been let go on when its last part came.</param>
    private sealed record Update(long Version, bool IsOpen, int Resumes);
}
