using AgentRollout.Gateway.Errors;
using AgentRollout.RolloutEngine.Remote;

namespace AgentRollout.Gateway.Engines;

/// <summary>How one engine of the fleet is reached.</summary>
/// <param name="Name">Its name in the fleet.</param>
/// <param name="Address">Where its protocol's paths begin.</param>
/// <param name="Kind">Its protocol.</param>
/// <param name="ApiKey">Sent with every request; null for none.</param>
internal sealed record FleetEngine(string Name, Uri Address, RemoteEngineKind Kind, string? ApiKey)
{
    /// <exception cref="InvalidInputException">The address or the name is malformed.</exception>
    public static FleetEngine Create(string? name, string url, RemoteEngineKind kind, string? apiKey)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || address is not { Scheme: "http" or "https", UserInfo: "", Query: "", Fragment: "" })
            throw Invalid($"Engine URL '{url}' must be an http or https address, such as http://10.0.0.7:30000.");
        name ??= address.Authority.Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal);
        if (name is "" || !name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or ':' or '-' or '_'))
            throw Invalid($"Engine name '{name}' must have letters, digits and . : - _ only.");
        return apiKey?.AsSpan().ContainsAnyExceptInRange('!', '~') == true
            ? throw Invalid($"The API key of engine '{name}' cannot stand in a header.")
            : new FleetEngine(name, address, kind, apiKey);
    }

    private static InvalidInputException Invalid(string message) => new(ProblemCodes.InvalidValue, message);
}
