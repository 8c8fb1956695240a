using System.Text.Json;
using AgentRollout.Tools;
using AgentRollout.Tools.Builtin;
using AgentRollout.Tools.Search;

namespace AgentRollout.Environments.Builtin.Lookup;

/// <summary>The shipped corpus: 2,560 facts about 320 invented places, so that no model can know them without searching.</summary>
public static class LookupFacts
{
    /// <summary>How many passages the environment's search returns: the wanted one and a distractor, in a prompt that stays short.</summary>
    public const int PassagesPerSearch = 2;

    private static readonly Lazy<IReadOnlyList<LookupFact>> Facts = new(Read);

    /// <summary>All facts, in the order of the file.</summary>
    public static IReadOnlyList<LookupFact> All => Facts.Value;

    /// <summary>A full-text index of the facts in memory; the caller disposes it.</summary>
    public static LocalIndexSearch OpenIndex() =>
        LocalIndexSearch.FromPassages(All.Select(fact => new Passage(fact.Id, fact.Title, fact.Text)));

    /// <summary>The tool <c>search</c> as the environment offers it.</summary>
    public static ITool CreateSearchTool(ISearchProvider index) => SearchTool.Create(index, PassagesPerSearch);

    private static List<LookupFact> Read()
    {
        using Stream stream = typeof(LookupFacts).Assembly.GetManifestResourceStream("facts.jsonl")
            ?? throw new InvalidOperationException("The assembly lacks its resource 'facts.jsonl'.");
        using var reader = new StreamReader(stream);
        List<LookupFact> facts = [];
        while (reader.ReadLine() is { } line)
            facts.Add(JsonSerializer.Deserialize<LookupFact>(line, JsonSerializerOptions.Web)!);
        return facts;
    }
}
