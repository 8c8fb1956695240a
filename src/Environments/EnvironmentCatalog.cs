using System.Collections.Frozen;
using AgentRollout.Tools;

namespace AgentRollout.Environments;

/// <summary>The registered environments by name; does not change after start.</summary>
public sealed class EnvironmentCatalog
{
    private readonly FrozenDictionary<string, EnvironmentDefinition> _environments;

    /// <param name="environments">What is registered.</param>
    /// <param name="tools">The tools that they may offer, as of now.</param>
    /// <exception cref="EnvironmentException">Two environments share a name, or one offers a tool that is unknown.</exception>
    public EnvironmentCatalog(IEnumerable<EnvironmentDefinition> environments, ToolCatalog tools)
    {
        string[] known = [.. tools.Current.All.Select(tool => tool.Tool.Spec.Name)];
        Dictionary<string, EnvironmentDefinition> byName = new(StringComparer.Ordinal);
        foreach (EnvironmentDefinition environment in environments)
        {
            if (environment.Tools.FirstOrDefault(tool => !known.Contains(tool)) is { } unknown)
            {
                throw new EnvironmentException(
                    $"Environment '{environment.Name}' of {environment.Owner} offers tool '{unknown}', which is unknown; known tools: {string.Join(", ", known)}.");
            }

            if (!byName.TryAdd(environment.Name, environment))
            {
                throw new EnvironmentException(
                    $"Environment '{environment.Name}' is registered twice: by {byName[environment.Name].Owner} and by {environment.Owner}.");
            }
        }

        _environments = byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>All environments, by name.</summary>
    public IEnumerable<EnvironmentDefinition> All => _environments.Values.OrderBy(environment => environment.Name, StringComparer.Ordinal);

    /// <exception cref="KeyNotFoundException">The name is unknown; the message lists the known ones.</exception>
    public EnvironmentDefinition Get(string name) =>
        _environments.TryGetValue(name, out EnvironmentDefinition? environment)
            ? environment
            : throw new KeyNotFoundException($"Environment '{name}' is unknown; known environments: {string.Join(", ", All.Select(known => known.Name))}.");
}
