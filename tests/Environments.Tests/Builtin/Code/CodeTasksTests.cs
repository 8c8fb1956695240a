using AgentRollout.Environments.Builtin.Code;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin.Code;

public sealed class CodeTasksTests
{
    [Fact]
    public void The_answers_are_those_that_a_simple_program_gives()
    {
        // Computed in Python.
        (string, string)[] known =
        [
            ("What is the sum of all integers from 1 to 8808 that are divisible by 3 or by 92?", "13217172"),
            ("What is the remainder of Fibonacci number 118 divided by 920, where numbers 1 and 2 are both 1?", "599"),
            ("What is the sum of the decimal digits of 4092**26?", "405"),
            ("What is the sum of the decimal digits of 9100**86?", "721"),
            ("What is the sum of the decimal digits of 2825**87?", "1295"),
            ("What is the sum of the decimal digits of 2729**98?", "1489"),
            ("What is the sum of all integers from 1 to 8045 that are divisible by 3 or by 72?", "10785663"),
            ("What is the sum of all integers from 1 to 4807 that are divisible by 3 or by 56?", "3988481"),
        ];
        Assert.Equal(known, All(TaskSplit.Train, known.Length).Select(task => (Text(task, "question"), Text(task, "answer"))));
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
