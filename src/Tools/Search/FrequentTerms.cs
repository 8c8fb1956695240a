using Microsoft.Data.Sqlite;

namespace AgentRollout.Tools.Search;

/// <summary>
/// The words that so many passages hold that searching for them costs much and tells little. FTS5 scores every passage that holds any word
/// of a query, so one of these would make a search a hundred times as long.
/// </summary>
internal sealed class FrequentTerms : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, long> _passagesOf = new(StringComparer.Ordinal); // by stem
    private readonly long _allPassages;
    private readonly long _mostPassages; // that hold a word which is not frequent
    private readonly SqliteCommand? _insert;
    private readonly SqliteCommand? _stems;

    public FrequentTerms(SqliteConnection connection, double maxShare)
    {
        _connection = connection;
        _allPassages = (long)IndexDatabase.Scalar(connection, "SELECT passages FROM corpus")!;
        _mostPassages = (long)(_allPassages * maxShare);
        using (SqliteCommand command = connection.CreateCommand())
        {
            command.CommandText = "SELECT term, passages FROM frequent WHERE passages > $most";
            command.Parameters.AddWithValue("$most", _mostPassages);
            using SqliteDataReader rows = command.ExecuteReader();
            while (rows.Read())
                _passagesOf.Add(rows.GetString(0), rows.GetInt64(1));
        }

        if (_passagesOf.Count == 0)
            return;
        // A small table of the same tokenizer tells the stems of a query's words.
        IndexDatabase.Execute(
            connection,
            $"CREATE VIRTUAL TABLE temp.query USING fts5(word, {IndexDatabase.Tokenizer}); CREATE VIRTUAL TABLE temp.stems USING fts5vocab(temp, query, instance)");
        _insert = connection.CreateCommand();
        _insert.CommandText = "INSERT INTO temp.query(rowid, word) VALUES ($row, $word)";
        _insert.Parameters.Add("$row", SqliteType.Integer);
        _insert.Parameters.Add("$word", SqliteType.Text);
        _stems = connection.CreateCommand();
        _stems.CommandText = "SELECT doc, term FROM temp.stems";
    }

    /// <summary>What of a query is searched for, and in which passages. Where all words are frequent, the rarest stays.</summary>
    public SearchPlan Plan(IReadOnlyList<string> terms)
    {
        if (_passagesOf.Count == 0)
            return new SearchPlan(terms, [], long.MaxValue);
        long[] passages = CountPassages(terms);
        List<string> kept = [.. terms.Where((_, i) => passages[i] == 0)];
        long lastRow = long.MaxValue;
        if (kept.Count == 0)
        {
            long least = passages.Min();
            kept.Add(terms[Array.IndexOf(passages, least)]);
            lastRow = _allPassages * _mostPassages / least;
        }

        return new SearchPlan(kept, [.. terms.Except(kept)], lastRow);
    }

    public void Dispose()
    {
        _insert?.Dispose();
        _stems?.Dispose();
    }

    /// <summary>How many passages hold each word; 0 for a word that is not frequent. A word of several stems is as rare as its rarest.</summary>
    private long[] CountPassages(IReadOnlyList<string> terms)
    {
        long[] passages = new long[terms.Count];
        Array.Fill(passages, long.MaxValue);
        using SqliteTransaction transaction = _connection.BeginTransaction(deferred: true);
        for (int i = 0; i < terms.Count; i++)
        {
            _insert!.Transaction = transaction;
            _insert.Parameters["$row"].Value = i + 1;
            _insert.Parameters["$word"].Value = terms[i];
            _insert.ExecuteNonQuery();
        }

        _stems!.Transaction = transaction;
        using (SqliteDataReader rows = _stems.ExecuteReader())
        {
            while (rows.Read())
            {
                int index = (int)rows.GetInt64(0) - 1;
                passages[index] = Math.Min(passages[index], _passagesOf.GetValueOrDefault(rows.GetString(1)));
            }
        }

        transaction.Rollback();
        for (int i = 0; i < passages.Length; i++)
            passages[i] = passages[i] == long.MaxValue ? 0 : passages[i];
        return passages;
    }
}

/// <summary>How a query is searched for.</summary>
/// <param name="Terms">The words.</param>
/// <param name="IgnoredTerms">The query's other words.</param>
/// <param name="LastRow">The last passage that is looked at, so that a search for a frequent word alone costs no more than others.</param>
internal readonly record struct SearchPlan(IReadOnlyList<string> Terms, IReadOnlyList<string> IgnoredTerms, long LastRow);
