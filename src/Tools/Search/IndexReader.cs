using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>One connection to the index with its prepared query; used by one search at a time.</summary>
internal sealed class IndexReader : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _command;

    public IndexReader(string connectionString)
    {
        _connection = new SqliteConnection(connectionString);
        _connection.Open();
        _command = _connection.CreateCommand();
        _command.CommandText =
            "SELECT id, title, text, -bm25(passages) AS score FROM passages WHERE passages MATCH $terms ORDER BY score DESC, rowid LIMIT $limit";
        _command.Parameters.Add("$terms", SqliteType.Text);
        _command.Parameters.Add("$limit", SqliteType.Integer);
        _command.Prepare();
    }

    public List<SearchHit> Search(IReadOnlyList<string> terms, int limit)
    {
        // A quoted string is one word to FTS5, never an operator; terms hold no quotes.
        _command.Parameters["$terms"].Value = string.Join(" OR ", terms.Select(term => $"\"{term}\""));
        _command.Parameters["$limit"].Value = limit;
        using SqliteDataReader rows = _command.ExecuteReader();
        var hits = new List<SearchHit>();
        while (rows.Read())
            hits.Add(new SearchHit(new Passage(rows.GetString(0), rows.GetString(1), rows.GetString(2)), rows.GetDouble(3)));
        return hits;
    }

    public void Dispose()
    {
        _command.Dispose();
        _connection.Dispose();
    }
}
