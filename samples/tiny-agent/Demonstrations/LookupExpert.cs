using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Lookup;

namespace AgentRollout.Samples.Demonstrations;

/// <summary>
/// Searches for the question's key words and answers from the passage that fits. Its mistakes: a query that names only the place or only
/// what is asked for, and an answer taken from the wrong passage.
/// </summary>
internal sealed class LookupExpert(Random random, double mistakes, ulong seed) : Expert(random, mistakes)
{
    private static readonly HashSet<string> StopWords =
        new(["what", "which", "who", "is", "was", "the", "of", "in", "through"], StringComparer.OrdinalIgnoreCase);

    private static readonly Dictionary<string, LookupFact> FactOfText = LookupFacts.All.ToDictionary(fact => fact.Text);

    public override Plan Begin(long index)
    {
        LookupFact fact = LookupTasks.Draw(TaskSplit.Train, seed, index);
        string[] keywords = [.. fact.Question.TrimEnd('?').Split(' ').Where(word => !StopWords.Contains(word))];
        string query = string.Join(' ', keywords);
        if (!Errs())
            return new Plan(query, result => AnswerFrom(result, fact));
        string withoutPlace = string.Join(' ', keywords.Where(word => word != fact.Title));
        return Random.Next(3) switch
        {
            0 => new Plan($"about {fact.Title}", result => AnswerFrom(result, fact)),
            1 => new Plan(withoutPlace, result => AnswerFrom(result, fact)),
            _ => new Plan(query, result => AnswerFromAnother(result, fact)),
        };
    }

    /// <summary>From the passage that fits, else from one of the same kind, else from the first.</summary>
    private static string AnswerFrom(string result, LookupFact fact)
    {
        LookupFact[] found = Passages(result);
        return (found.FirstOrDefault(other => other == fact) ?? found.FirstOrDefault(other => Kind(other) == Kind(fact)) ?? found[0]).Answer;
    }

    private static string AnswerFromAnother(string result, LookupFact fact) =>
        Passages(result).Where(other => other != fact).Select(other => other.Answer).FirstOrDefault(fact.Answer);

    private static LookupFact[] Passages(string result) =>
        [.. result.Split('\n').Select(line => FactOfText[line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]])];

    private static string Kind(LookupFact fact) => fact.Id[(fact.Id.IndexOf('-', StringComparison.Ordinal) + 1)..];
}
