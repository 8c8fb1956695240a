using AgentRollout.Tools.Search;
using Xunit;

namespace AgentRollout.Tools.Tests.Search;

public sealed class LocalIndexSearchTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentrollout-search-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Ranks_as_a_brute_force_BM25_does()
    {
        var random = new Random(7);
        List<Passage> passages = RandomCorpus(random, 300);
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(passages);
        for (int i = 0; i < 300; i++)
        {
            string[] words = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => RandomWord(random))];
            int limit = random.Next(1, 12);
            List<SearchHit> expected = BruteForceBm25.Search(passages, words, limit);
            IReadOnlyList<SearchHit> actual = (await search.SearchAsync(string.Join(' ', words), limit, default)).Hits;
            Assert.Equal(expected.Select(hit => hit.Passage), actual.Select(hit => hit.Passage));
            for (int k = 0; k < actual.Count; k++)
                Assert.Equal(expected[k].Score, actual[k].Score, 9);
        }
    }

    [Theory]
    [InlineData("capital of Norway", "oslo")]
    [InlineData("Which RIVERS flow?", "seine")]
    [InlineData("malaga", "spain")]
    [InlineData("\"norway\" AND NOT oslo", "oslo")]
    [InlineData("text:norway OR title:^oslo*", "oslo")]
    [InlineData("NEAR(norway paris, 2)", "oslo")]
    [InlineData("'; DROP TABLE passages; -- norway", "oslo")]
    public async Task Finds_the_passage(string query, string id)
    {
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(Facts);
        Assert.Equal(id, (await search.SearchAsync(query, 1, default)).Hits[0].Passage.Id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("\"\"")]
    [InlineData("***")]
    [InlineData("?!-()^:")]
    [InlineData("😀🎉")]
    [InlineData("\0")]
    public async Task A_query_without_words_is_refused_in_one_sentence(string query)
    {
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(Facts);
        var error = await Assert.ThrowsAsync<ToolException>(() => search.SearchAsync(query, 3, default));
        Assert.Equal("The query has no words to search for.", error.Message);
    }

    [Fact]
    public async Task No_query_reaches_the_syntax_of_the_index()
    {
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(Facts);
        var random = new Random(11);
        string alphabet = "ab 0\"'*()^:-+{}[]\\NEARORANDNOT,;%_é̈😀\u0301\uE000\uD800\uDC00\0\n";
        for (int i = 0; i < 3_000; i++)
        {
            var query = new string([.. Enumerable.Range(0, random.Next(40)).Select(_ => alphabet[random.Next(alphabet.Length)])]);
            try
            {
                Assert.InRange((await search.SearchAsync(query, 3, default)).Hits.Count, 0, 3);
            }
            catch (ToolException error)
            {
                Assert.Equal("The query has no words to search for.", error.Message);
            }
        }

        string manyWords = string.Join(' ', Enumerable.Range(0, 2_000).Select(i => $"w{i}")) + " norway";
        Assert.Empty((await search.SearchAsync(manyWords, 3, default)).Hits);
        Assert.Empty((await search.SearchAsync(new string('x', 10_000), 3, default)).Hits);
    }

    [Fact]
    public async Task Equal_scores_keep_the_order_of_the_corpus()
    {
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(Enumerable.Range(0, 50).Select(i => new Passage($"{i}", "", $"same words q{i}")));
        IReadOnlyList<SearchHit> hits = (await search.SearchAsync("words", 50, default)).Hits;
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}"), hits.Select(hit => hit.Passage.Id));
    }

    [Fact]
    public async Task Concurrent_searches_give_what_a_single_one_gives()
    {
        var random = new Random(3);
        List<Passage> passages = RandomCorpus(random, 500);
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(passages);
        string[] queries = [.. Enumerable.Range(0, 20).Select(_ => $"{RandomWord(random)} {RandomWord(random)}")];
        var expected = new List<IReadOnlyList<SearchHit>>();
        foreach (string query in queries)
            expected.Add((await search.SearchAsync(query, 5, default)).Hits);

        await Parallel.ForAsync(0, 400, async (i, cancellationToken) =>
            Assert.Equal(expected[i % 20], (await search.SearchAsync(queries[i % 20], 5, cancellationToken)).Hits));
    }

    [Fact]
    public async Task A_database_file_is_made_anew_only_where_the_corpus_changed()
    {
        string corpus = Write("{\"id\": 1, \"text\": \"first fact\"}");
        string database = Path.Combine(_folder.FullName, "index.db");
        using (LocalIndexSearch search = LocalIndexSearch.FromJsonLines(corpus, database))
            Assert.Single((await search.SearchAsync("fact", 3, default)).Hits);
        byte[] made = File.ReadAllBytes(database);
        using (LocalIndexSearch search = LocalIndexSearch.FromJsonLines(corpus, database))
            Assert.Single((await search.SearchAsync("fact", 3, default)).Hits);
        Assert.Equal(made, File.ReadAllBytes(database));

        File.AppendAllText(corpus, "\n{\"id\": 2, \"text\": \"second fact\"}");
        using (LocalIndexSearch search = LocalIndexSearch.FromJsonLines(corpus, database))
            Assert.Equal(2, (await search.SearchAsync("fact", 3, default)).Hits.Count);
    }

    [Fact]
    public async Task Frequent_words_of_a_large_corpus_are_ignored_beside_rarer_ones_and_named()
    {
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(LargeCorpus());
        SearchResult mixed = await search.SearchAsync("shared Sharing unique77", 3, default);
        Assert.Equal(["77"], mixed.Hits.Select(hit => hit.Passage.Id));
        Assert.Equal(["shared", "Sharing"], mixed.IgnoredTerms); // one stem, one list of passages
        SearchResult frequent = await search.SearchAsync("shared even", 3, default);
        Assert.Equal(["0", "2", "4"], frequent.Hits.Select(hit => hit.Passage.Id));
        Assert.Equal(["shared"], frequent.IgnoredTerms);
        Assert.True(frequent.IsPartial && !mixed.IsPartial);
    }

    [Fact]
    public async Task A_share_of_one_searches_for_every_word()
    {
        using LocalIndexSearch search = LocalIndexSearch.FromPassages(LargeCorpus(), new SearchIndexOptions { MaxTermShare = 1 });
        SearchResult result = await search.SearchAsync("shared unique77", 3, default);
        Assert.Equal(3, result.Hits.Count);
        Assert.Empty(result.IgnoredTerms);
    }

    [Fact]
    public async Task A_title_counts_as_it_is_weighted()
    {
        Passage[] passages = [new("text", "other words", "norway norway"), new("title", "norway", "other words here and there")];
        using LocalIndexSearch even = LocalIndexSearch.FromPassages(passages);
        Assert.Equal("text", (await even.SearchAsync("norway", 1, default)).Hits[0].Passage.Id);
        using LocalIndexSearch titles = LocalIndexSearch.FromPassages(passages, new SearchIndexOptions { TitleWeight = 10 });
        Assert.Equal("title", (await titles.SearchAsync("norway", 1, default)).Hits[0].Passage.Id);
    }

    [Fact]
    public async Task A_snippet_is_the_part_of_a_long_text_that_fits()
    {
        string text = string.Join(' ', Enumerable.Range(0, 100).Select(i => $"w{i}"));
        using LocalIndexSearch search = LocalIndexSearch.FromPassages([new("long", "", text), new("short", "", "w50")], new SearchIndexOptions { SnippetWords = 5 });
        IReadOnlyList<SearchHit> hits = (await search.SearchAsync("w50", 2, default)).Hits;
        Assert.Null(hits[0].Snippet);
        Assert.Matches("^\u2026.*w50.*\u2026$", hits[1].Snippet!);
    }

    [Fact]
    public async Task A_built_index_is_opened_alone_and_reads_the_corpora_of_search_r1()
    {
        string corpus = Write("{\"id\": \"a\", \"contents\": \"\\\"Oslo\\\"\\nA city.\"}");
        string index = Path.Combine(_folder.FullName, "a.index");
        LocalIndexSearch.Build(corpus, index);
        using LocalIndexSearch search = LocalIndexSearch.FromIndex(index);
        Assert.Equal(new Passage("a", "Oslo", "A city."), Assert.Single((await search.SearchAsync("oslo", 3, default)).Hits).Passage);
        Assert.Equal([corpus, index], _folder.GetFiles().Select(file => file.FullName).Order(StringComparer.Ordinal).Reverse());
    }

    [Fact]
    public void A_failed_build_leaves_the_old_index_and_nothing_else()
    {
        string index = Path.Combine(_folder.FullName, "a.index");
        LocalIndexSearch.Build(Write("{\"id\": 1, \"text\": \"fine\"}"), index);
        byte[] made = File.ReadAllBytes(index);
        string bad = Write("{\"id\": 1, \"text\": \"fine\"}", "{}");
        Assert.Throws<ToolException>(() => LocalIndexSearch.Build(bad, index));
        Assert.Equal(made, File.ReadAllBytes(index));
        Assert.Equal(2, _folder.GetFiles().Length);
    }

    [Fact]
    public void A_file_that_is_no_index_is_refused_by_name()
    {
        string file = Write("no index");
        Assert.Equal($"'{file}' is no search index of this version; 'agentrollout index' makes one.", Assert.Throws<ToolException>(() => LocalIndexSearch.FromIndex(file)).Message);
    }

    [Fact]
    public async Task Ten_thousand_lines_are_read_whole()
    {
        string corpus = Write([.. Enumerable.Range(0, 10_000).Select(i => $"{{\"id\": \"{i}\", \"title\": \"t{i}\", \"text\": \"unique{i} shared\", \"more\": null}}")]);
        using LocalIndexSearch search = LocalIndexSearch.FromJsonLines(corpus);
        SearchHit hit = Assert.Single((await search.SearchAsync("unique9999", 3, default)).Hits);
        Assert.Equal(new Passage("9999", "t9999", "unique9999 shared"), hit.Passage);
    }

    [Theory]
    [InlineData("{\"id\": \"a\", \"text\": \"x\"", "not JSON at byte 24.")]
    [InlineData("[1]", "expected an object, found array.")]
    [InlineData("{\"text\": \"x\"}", "'id' is missing.")]
    [InlineData("{\"id\": \"a\"}", "'text' is missing.")]
    [InlineData("{\"id\": \"a\", \"text\": 5}", "'text' must be a string.")]
    [InlineData("{\"id\": \"a\", \"text\": \"\"}", "'text' is empty.")]
    [InlineData("{\"id\": \"a\", \"title\": [], \"text\": \"x\"}", "'title' must be a string.")]
    [InlineData("{\"id\": \"first\", \"text\": \"x\"}", "the id 'first' is already taken by line 1.")]
    public void A_bad_line_is_refused_with_file_and_line(string line, string expected)
    {
        string corpus = Write("{\"id\": \"first\", \"text\": \"fine\"}", "", line);
        Assert.Equal($"{corpus}(3): {expected}", Assert.Throws<ToolException>(() => LocalIndexSearch.FromJsonLines(corpus)).Message);
    }

    private static readonly Passage[] Facts =
    [
        new("oslo", "Norway", "The capital of Norway is Oslo."),
        new("paris", "France", "The capital of France is Paris."),
        new("seine", "Seine", "A river flows through Paris."),
        new("spain", "", "Málaga lies in Spain."),
    ];

    private static IEnumerable<Passage> LargeCorpus() =>
        Enumerable.Range(0, 12_000).Select(i => new Passage($"{i}", "", $"shared unique{i}{(i % 2 == 0 ? " even" : "")}"));

    private string Write(params string[] lines)
    {
        string path = Path.Combine(_folder.FullName, "corpus.jsonl");
        File.WriteAllLines(path, lines);
        return path;
    }

    private static List<Passage> RandomCorpus(Random random, int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => new Passage($"{i}", Words(random, random.Next(4)), Words(random, random.Next(1, 30)))),
    ];

    private static string Words(Random random, int count) => string.Join(' ', Enumerable.Range(0, count).Select(_ => RandomWord(random)));

    /// <summary>Squaring makes some words common. Words that end in digits have no stem but themselves.</summary>
    private static string RandomWord(Random random) => $"w{(int)(random.NextDouble() * random.NextDouble() * 200)}";
}
