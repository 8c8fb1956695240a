using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace AgentRollout.Tools;

/// <summary>The tools of a <see cref="ToolCatalog"/> at one moment, by name; does not change.</summary>
public sealed class ToolSnapshot
{
    private readonly OrderedDictionary<string, RegisteredTool[]> _groups;
    private readonly FrozenDictionary<string, RegisteredTool> _byName;

    private ToolSnapshot(OrderedDictionary<string, RegisteredTool[]> groups)
    {
        _groups = groups;
        All = [.. groups.Values.SelectMany(tools => tools)];
        var byName = new Dictionary<string, RegisteredTool>();
        foreach (RegisteredTool tool in All)
        {
            if (!byName.TryAdd(tool.Tool.Spec.Name, tool))
                throw new ToolException(Twice(byName[tool.Tool.Spec.Name], tool));
        }

        _byName = byName.ToFrozenDictionary();
    }

    /// <summary>Group by group in the order in which the groups first came.</summary>
    public IReadOnlyList<RegisteredTool> All { get; }

    internal static ToolSnapshot Empty { get; } = new([]);

    /// <exception cref="ToolException">No tool has this name; the message lists the known ones.</exception>
    public RegisteredTool Get(string name) => TryGet(name, out RegisteredTool? tool) ? tool : throw new ToolException(Unknown(name));

    public bool TryGet(string name, [NotNullWhen(true)] out RegisteredTool? tool) => _byName.TryGetValue(name, out tool);

    internal bool Has(string owner) => _groups.ContainsKey(owner);

    /// <summary>The sentence for a name that no tool has; lists the known ones.</summary>
    public string Unknown(string name) =>
        $"Tool '{name}' is unknown; known tools: {string.Join(", ", _byName.Keys.Order(StringComparer.Ordinal).DefaultIfEmpty("none"))}.";

    /// <summary>The same with one group added or, in its place, replaced.</summary>
    /// <exception cref="ToolException">A name would be taken twice; the message names both owners.</exception>
    internal ToolSnapshot With(string owner, RegisteredTool[] tools) => new(new OrderedDictionary<string, RegisteredTool[]>(_groups) { [owner] = tools });

    /// <summary>The same without one group.</summary>
    internal ToolSnapshot Without(string owner)
    {
        var groups = new OrderedDictionary<string, RegisteredTool[]>(_groups);
        groups.Remove(owner);
        return new ToolSnapshot(groups);
    }

    private static string Twice(RegisteredTool first, RegisteredTool second) => first.Owner == second.Owner
        ? $"Tool '{first.Tool.Spec.Name}' is registered twice by {first.Owner}: as {first.Tool} and as {second.Tool}."
        : $"Tool '{first.Tool.Spec.Name}' is registered twice: by {first.Owner} and by {second.Owner}.";
}
