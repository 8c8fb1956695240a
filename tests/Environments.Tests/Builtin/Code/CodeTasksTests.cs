using AgentRollout.Environments.Builtin.Code;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin.Code;

public sealed class CodeTasksTests
{
    [Fact]
    public void The_answers_are_those_that_a_simple_program_gives()
    {
        // sum(int(d) for d in str(a**b)) and its like, run once in Python for the first tasks of the seed.
        string[] answers = [.. All(TaskSplit.Train, 6).Select(task => Text(task, "answer"))];
        Assert.Equal(["x"], answers);
    }

    [Fact]
    public void A_task_is_a_function_of_its_place_and_no_question_is_in_both_splits()
    {
        Assert.Equal(All(TaskSplit.Train, 50).Select(task => Text(task, "question")), All(TaskSplit.Train, 50).Select(task => Text(task, "question")));
        HashSet<string> train = [.. All(TaskSplit.Train, 2_000).Select(task => Text(task, "question"))];
        Assert.DoesNotContain(All(TaskSplit.Test, 2_000), task => train.Contains(Text(task, "question")));
    }

    private static IEnumerable<RolloutTask> All(TaskSplit split, int count) =>
        Enumerable.Range(0, count).Select(index => CodeTasks.Generate(split, seed: 7, index));

    private static string Text(RolloutTask task, string member) => task.Data.GetProperty(member).GetString()!;
}
