using System.Globalization;
using System.Text.RegularExpressions;
using AgentRollout.Environments.Builtin.Arithmetic;
using AgentRollout.Tools.Builtin;
using CsCheck;
using Xunit;

namespace AgentRollout.Environments.Tests.Builtin.Arithmetic;

public sealed partial class ArithmeticTasksTests
{
    [Fact]
    public void A_task_is_a_function_of_split_seed_and_index() =>
        Gen.Select(Gen.Enum<TaskSplit>(), Gen.ULong, Gen.Long[0, long.MaxValue]).Sample((split, seed, index) =>
        {
            RolloutTask task = ArithmeticTasks.Generate(split, seed, index);
            RolloutTask again = ArithmeticTasks.Generate(split, seed, index);
            Assert.Equal((task.Id, task.Data.GetRawText()), (again.Id, again.Data.GetRawText()));
        });

    [Fact]
    public void A_published_task_never_changes()
    {
        RolloutTask task = ArithmeticTasks.Generate(TaskSplit.Test, 1, 0);
        Assert.Equal("arithmetic-test-1-0", task.Id);
        Assert.Equal("""{"question":"900 pens fill 36 boxes evenly. How many pens per box?","answer":"25"}""", task.Data.GetRawText());
    }

    [Fact]
    public void The_calculator_agrees_with_every_answer() =>
        Gen.Select(Gen.Enum<TaskSplit>(), Gen.ULong, Gen.Long[0, 1_000_000]).Sample((split, seed, index) =>
        {
            ArithmeticProblem problem = ArithmeticTasks.Draw(split, seed, index);
            Assert.Equal(problem.Answer.ToString(CultureInfo.InvariantCulture), CalculatorTool.Evaluate(problem.Expression));
        });

    [Fact]
    public void No_operands_are_in_both_splits()
    {
        HashSet<string> train = [.. Operands(TaskSplit.Train, 20_000)];
        Assert.DoesNotContain(Operands(TaskSplit.Test, 20_000), train.Contains);
    }

    [Fact]
    public void Problems_vary_with_index_and_seed()
    {
        HashSet<string> questions = [];
        for (ulong seed = 0; seed < 4; seed++)
        {
            for (long index = 0; index < 500; index++)
                questions.Add(ArithmeticTasks.Draw(TaskSplit.Train, seed, index).Question);
        }

        Assert.InRange(questions.Count, 1950, 2000);
    }

    [Fact]
    public void Every_form_is_drawn()
    {
        string[] forms = [.. Enumerable.Range(0, 400)
            .Select(index => Digits().Replace(ArithmeticTasks.Draw(TaskSplit.Test, 3, index).Question, "0")).Distinct()];
        Assert.Contains("A box holds 0 pens. How many pens are in 0 boxes?", forms);
        Assert.Contains("Mia has 0 coins and finds 0 more. How many coins now?", forms);
        Assert.Contains("A shop had 0 cups and sold 0. How many cups are left?", forms);
        Assert.Contains("0 pens fill 0 boxes evenly. How many pens per box?", forms);
        Assert.All("+-*/", sign => Assert.Contains($"What is 0 {sign} 0?", forms));
        Assert.Contains("Compute (0 - 0) * 0.", forms);
        Assert.Contains("Compute 0 + 0 - 0.", forms);
    }

    [Fact]
    public void A_negative_index_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ArithmeticTasks.Generate(TaskSplit.Train, 0, -1));

    private static IEnumerable<string> Operands(TaskSplit split, int count) => Enumerable.Range(0, count)
        .Select(index => Digits().Matches(ArithmeticTasks.Draw(split, 11, index).Expression).Select(match => long.Parse(match.Value, CultureInfo.InvariantCulture)))
        .Select(numbers => string.Join(' ', numbers.Order()));

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();
}
