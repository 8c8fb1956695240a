using AgentRollout.Environments.Builtin.Lookup;
using AgentRollout.Tools.Search;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin.Lookup;

public sealed class LookupFactsTests
{
    [Fact]
    public void Every_fact_holds_its_place_and_its_answer()
    {
        Assert.Equal(2560, LookupFacts.All.Count);
        Assert.Equal(2560, LookupFacts.All.Select(fact => fact.Id).Distinct().Count());
        Assert.All(LookupFacts.All, fact =>
        {
            Assert.Contains(fact.Title, fact.Text, StringComparison.Ordinal);
            Assert.Contains(fact.Title, fact.Question, StringComparison.Ordinal);
            Assert.Contains(fact.Answer, fact.Text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Searching_for_a_question_finds_its_fact_and_a_distractor()
    {
        using LocalIndexSearch index = LookupFacts.OpenIndex();
        for (int i = 0; i < LookupFacts.All.Count; i += 7)
        {
            LookupFact fact = LookupFacts.All[i];
            IReadOnlyList<SearchHit> hits = (await index.SearchAsync(fact.Question, LookupFacts.PassagesPerSearch, CancellationToken.None)).Hits;
            Assert.Equal(2, hits.Count);
            Assert.Contains(hits, hit => hit.Passage.Id == fact.Id);
        }
    }
}
