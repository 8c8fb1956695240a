using AgentRollout.Tools.Search;

namespace AgentRollout.Tools.Tests.Search;

/// <summary>Okapi BM25 with k1 = 1.2 and b = 0.75 over title and text, as SQLite documents it for FTS5.</summary>
internal static class BruteForceBm25
{
    public static List<SearchHit> Search(List<Passage> passages, string[] words, int limit)
    {
        List<string[]> documents = [.. passages.Select(passage => $"{passage.Title} {passage.Text}".Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        double averageLength = documents.Average(document => document.Length);
        var scores = new double[passages.Count];
        foreach (string word in words.Distinct())
        {
            int containing = documents.Count(document => document.Contains(word));
            double weight = Math.Max(1e-6, Math.Log((documents.Count - containing + 0.5) / (containing + 0.5)));
            for (int i = 0; i < documents.Count; i++)
            {
                double frequency = documents[i].Count(other => other == word);
                scores[i] += weight * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * documents[i].Length / averageLength));
            }
        }

        return [.. Enumerable.Range(0, scores.Length).Where(i => scores[i] > 0).OrderByDescending(i => scores[i]).Take(limit)
            .Select(i => new SearchHit(passages[i], scores[i]))];
    }
}
