using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using AgentRollout.Tools.Schema;

namespace AgentRollout.Tools;

/// <summary>The tools of this process by name; does not change.</summary>
public sealed partial class ToolCatalog
{
    private readonly FrozenDictionary<string, CatalogEntry> _entries;

    /// <exception cref="ToolException">A name is malformed or taken twice, or a schema uses a keyword that is not enforced.</exception>
    public ToolCatalog(IEnumerable<ITool> tools)
    {
        var entries = new OrderedDictionary<string, CatalogEntry>();
        foreach (ITool tool in tools)
        {
            var entry = new CatalogEntry(tool, Compile(tool.Spec));
            if (!entries.TryAdd(tool.Spec.Name, entry))
                throw new ToolException($"Tool '{tool.Spec.Name}' is registered twice: by {entries[tool.Spec.Name].Tool} and by {tool}.");
        }

        _entries = entries.ToFrozenDictionary();
        Specs = [.. entries.Values.Select(entry => entry.Tool.Spec)];
    }

    /// <summary>What the tools offer, in the order of their registration.</summary>
    public IReadOnlyList<ToolSpec> Specs { get; }

    /// <exception cref="ToolException">No tool has this name; the message lists the known ones.</exception>
    public ITool Get(string name) => TryGet(name, out CatalogEntry? entry) ? entry.Tool : throw new ToolException(Unknown(name));

    internal bool TryGet(string name, [NotNullWhen(true)] out CatalogEntry? entry) => _entries.TryGetValue(name, out entry);

    internal string Unknown(string name) =>
        $"Tool '{name}' is unknown; known tools: {string.Join(", ", _entries.Keys.Order(StringComparer.Ordinal).DefaultIfEmpty("none"))}.";

    private static JsonSchemaValidator Compile(ToolSpec spec)
    {
        if (!NamePattern().IsMatch(spec.Name))
            throw new ToolException($"Tool name '{spec.Name}' is malformed; a name has 1 to 64 letters, digits, underscores and dashes.");
        try
        {
            return JsonSchemaValidator.Compile(spec.Parameters);
        }
        catch (ToolException error)
        {
            throw new ToolException($"Tool '{spec.Name}': {error.Message}", error);
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex NamePattern();

    /// <summary>A tool and the check of its arguments.</summary>
    internal sealed record CatalogEntry(ITool Tool, JsonSchemaValidator Arguments);
}
