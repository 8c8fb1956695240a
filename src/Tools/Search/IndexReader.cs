using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>One connection to the index with its prepared queries; used by one search at a time.</summary>
internal sealed class IndexReader : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _rank;
    private readonly SqliteCommand _read;
    private readonly FrequentTerms _frequent;

    /// <param name="connectionString">The index.</param>
    /// <param name="options">How it ranks.</param>
    /// <param name="mappedBytes">How much of the file is mapped into memory.</param>
    public IndexReader(string connectionString, SearchIndexOptions options, long mappedBytes)
    {
        _connection = new SqliteConnection(connectionString);
        _connection.Open();
        IndexDatabase.Execute(_connection, $"PRAGMA mmap_size = {mappedBytes}; PRAGMA cache_size = -8192; PRAGMA temp_store = memory");
        _frequent = new FrequentTerms(_connection, options.MaxTermShare);
        // The texts are read for the best alone: sorting all that fit with their texts would read most of the file.
        _rank = Prepare(string.Create(
            CultureInfo.InvariantCulture,
            $"SELECT rowid, -bm25(passages, 0, {options.TitleWeight}, {options.TextWeight}) AS score FROM passages WHERE passages MATCH $terms AND rowid <= $last ORDER BY score DESC, rowid LIMIT $limit"));
        _rank.Parameters.Add("$last", SqliteType.Integer);
        _rank.Parameters.Add("$limit", SqliteType.Integer);
        string snippet = options.SnippetWords > 0 ? $"snippet(passages, 2, '', '', '\u2026', {options.SnippetWords})" : "NULL";
        _read = Prepare($"SELECT id, title, text, {snippet} FROM passages WHERE passages MATCH $terms AND rowid = $row");
        _read.Parameters.Add("$row", SqliteType.Integer);
    }

    public SearchResult Search(IReadOnlyList<string> terms, int limit)
    {
        SearchPlan plan = _frequent.Plan(terms);
        // A quoted string is one word to FTS5, never an operator; terms hold no quotes.
        string match = string.Join(" OR ", plan.Terms.Select(term => $"\"{term}\""));
        List<SearchHit> hits = [];
        foreach ((long row, double score) in Rank(match, plan.LastRow, limit))
            hits.Add(Read(match, row, score));
        return new SearchResult(hits, plan.IgnoredTerms, IsPartial: plan.LastRow != long.MaxValue);
    }

    public void Dispose()
    {
        _rank.Dispose();
        _read.Dispose();
        _frequent.Dispose();
        _connection.Dispose();
    }

    private List<(long Row, double Score)> Rank(string match, long lastRow, int limit)
    {
        _rank.Parameters["$terms"].Value = match;
        _rank.Parameters["$last"].Value = lastRow;
        _rank.Parameters["$limit"].Value = limit;
        using SqliteDataReader rows = _rank.ExecuteReader();
        List<(long, double)> best = [];
        while (rows.Read())
            best.Add((rows.GetInt64(0), rows.GetDouble(1)));
        return best;
    }

    private SearchHit Read(string match, long row, double score)
    {
        _read.Parameters["$terms"].Value = match;
        _read.Parameters["$row"].Value = row;
        using SqliteDataReader rows = _read.ExecuteReader();
        rows.Read();
        Passage passage = new(rows.GetString(0), rows.GetString(1), rows.GetString(2));
        string? snippet = rows.IsDBNull(3) ? null : rows.GetString(3);
        return new SearchHit(passage, score, snippet == passage.Text ? null : snippet);
    }

    private SqliteCommand Prepare(string sql)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Parameters.Add("$terms", SqliteType.Text);
        return command;
    }
}
