using System.Globalization;
using AgentRollout.RolloutEngine;

namespace AgentRollout.Gateway.Dialects;

/// <summary>
/// What trainers call the versions of the weights: other servers take any text, the engine counts. A version that nobody named is its number.
/// Names last as long as the server. Thread-safe.
/// </summary>
internal sealed class WeightLabels(ITokenEngine engine)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, string> _names = [];

    /// <summary>The name of the weights in use.</summary>
    public string Current => NameOf(engine.Model.WeightVersion);

    public string NameOf(long version)
    {
        lock (_lock)
            return _names.TryGetValue(version, out string? name) ? name : version.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Names a version, the one in use by default.</summary>
    public void Name(string name, long? version = null)
    {
        lock (_lock)
            _names[version ?? engine.Model.WeightVersion] = name;
    }

    /// <summary>The engine's number for weights of this name: the number that the name is, where that is above the one in use; else null.</summary>
    public long? NumberFor(string? name) =>
        long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number > engine.Model.WeightVersion ? number : null;
}
