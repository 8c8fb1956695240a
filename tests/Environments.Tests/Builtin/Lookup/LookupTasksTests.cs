using AgentRollout.Environments.Builtin.Lookup;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin.Lookup;

public sealed class LookupTasksTests
{
    [Fact]
    public void A_task_is_a_function_of_split_seed_and_index() =>
        Gen.Select(Gen.Enum<TaskSplit>(), Gen.ULong, Gen.Long[0, long.MaxValue]).Sample((split, seed, index) =>
        {
            RolloutTask task = LookupTasks.Generate(split, seed, index);
            RolloutTask again = LookupTasks.Generate(split, seed, index);
            Assert.Equal((task.Id, task.Data.GetRawText()), (again.Id, again.Data.GetRawText()));
        });

    [Fact]
    public void An_id_means_the_same_question_under_every_seed()
    {
        Dictionary<string, string> questions = [];
        for (ulong seed = 0; seed < 5; seed++)
        {
            for (long index = 0; index < 300; index++)
            {
                RolloutTask task = LookupTasks.Generate(TaskSplit.Test, seed, index);
                questions.TryAdd(task.Id, task.Data.GetRawText());
                Assert.Equal(questions[task.Id], task.Data.GetRawText());
            }
        }
    }

    [Fact]
    public void No_place_is_in_both_splits()
    {
        HashSet<string> train = [.. Walk(TaskSplit.Train, 1, LookupFacts.All.Count).Select(fact => fact.Title)];
        HashSet<string> test = [.. Walk(TaskSplit.Test, 1, LookupFacts.All.Count).Select(fact => fact.Title)];
        Assert.Empty(train.Intersect(test));
        Assert.Equal(320, train.Count + test.Count);
        Assert.InRange(test.Count, 40, 90);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(ulong.MaxValue)]
    public void A_walk_meets_every_fact_once_before_it_starts_over(ulong seed)
    {
        int count = LookupFacts.All.Count - Walk(TaskSplit.Train, seed, LookupFacts.All.Count).Distinct().Count();
        List<LookupFact> twice = [.. Walk(TaskSplit.Test, seed, 2 * count)];
        Assert.Equal(count, twice.Take(count).Distinct().Count());
        Assert.Equal(twice.Take(count), twice.Skip(count));
    }

    [Fact]
    public void Seeds_walk_in_different_orders() =>
        Assert.NotEqual(Walk(TaskSplit.Train, 1, 50), Walk(TaskSplit.Train, 2, 50));

    [Fact]
    public void A_negative_index_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LookupTasks.Generate(TaskSplit.Train, 0, -1));

    private static IEnumerable<LookupFact> Walk(TaskSplit split, ulong seed, int count) =>
        Enumerable.Range(0, count).Select(index => LookupTasks.Draw(split, seed, index));
}
