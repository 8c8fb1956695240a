namespace AgentRollout.Environments.Builtin.Lookup;

/// <summary>
/// Questions about the shipped facts. All facts of a place belong to one split, by a hash of the place's name: about one place in five is
/// a test place. A seed gives a walk that meets every fact of the split once before it starts over.
/// </summary>
public static class LookupTasks
{
    private const ulong TestShare = 5;

    private static readonly Lazy<Dictionary<TaskSplit, LookupFact[]>> BySplit =
        new(() => LookupFacts.All.GroupBy(fact => SplitOf(fact.Title)).ToDictionary(split => split.Key, split => split.ToArray()));

    /// <summary>Task number <paramref name="index"/> of a split; its id is the fact's.</summary>
    public static RolloutTask Generate(TaskSplit split, ulong seed, long index)
    {
        LookupFact fact = Draw(split, seed, index);
        return new RolloutTask(fact.Id, QuestionEnvironment.Data(fact.Question, fact.Answer));
    }

    /// <summary>The fact behind a generated task: a pure function of its arguments.</summary>
    public static LookupFact Draw(TaskSplit split, ulong seed, long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        LookupFact[] facts = BySplit.Value[split];
        long count = facts.Length;
        var random = new TaskRandom(seed, stream: 0);
        long start = random.Between(0, count - 1);
        long stride = random.Between(1, count - 1);
        while (GreatestCommonDivisor(stride, count) != 1)
            stride = random.Between(1, count - 1);
        return facts[(start + (index % count * stride)) % count];
    }

    private static TaskSplit SplitOf(string place)
    {
        ulong hash = 0;
        foreach (char letter in place)
            hash = TaskRandom.Mix((hash * 31) + letter);
        return hash % TestShare == 0 ? TaskSplit.Test : TaskSplit.Train;
    }

    private static long GreatestCommonDivisor(long a, long b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
