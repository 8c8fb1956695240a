using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine.Remote;

namespace AgentRollout.Gateway.Engines;

/// <summary>An engine that runs elsewhere: an entry of the setting <c>engines</c>.</summary>
internal sealed record RemoteEngineSettings
{
    /// <summary>Its name in the fleet: letters, digits and <c>.:-_</c>. Default: host and port of its address.</summary>
    public string? Name { get; set; }

    /// <summary>Where its protocol's paths begin, such as <c>http://10.0.0.7:30000</c>.</summary>
    public required string Url { get; set; }

    /// <summary>Its protocol. Default <c>sglang</c>, which the engine nodes of this program speak.</summary>
    public RemoteEngineKind Kind { get; set; }

    /// <summary>The environment variable that holds its API key, so that no key stands in a file. Default none: none is sent.</summary>
    public string? ApiKeyVariable { get; set; }

    /// <summary>The engine as the fleet takes it.</summary>
    /// <exception cref="InvalidInputException">The address or the name is malformed, or the variable is not set.</exception>
    public FleetEngine ToEngine() => FleetEngine.Create(Name, Url, Kind, ReadKey());

    private string? ReadKey() => ApiKeyVariable is null ? null
        : Environment.GetEnvironmentVariable(ApiKeyVariable) is { Length: > 0 } key ? key
        : throw new InvalidInputException(
            ProblemCodes.InvalidValue, $"Environment variable '{ApiKeyVariable}' is not set; it must hold the API key of engine '{Url}'.");
}
