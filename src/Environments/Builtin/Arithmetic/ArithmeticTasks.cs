using System.Globalization;

namespace AgentRollout.Environments.Builtin.Arithmetic;

/// <summary>
/// Arithmetic problems without end: bare expressions of two or three terms and one-sentence stories, numbers up to thousands. A problem
/// belongs to the test split where a hash of its operands, whatever their order and the wording, says so: about one in five.
/// </summary>
public static class ArithmeticTasks
{
    private const ulong TestShare = 5;

    /// <summary>Task number <paramref name="index"/> of a split.</summary>
    public static RolloutTask Generate(TaskSplit split, ulong seed, long index)
    {
        ArithmeticProblem problem = Draw(split, seed, index);
        string id = string.Create(CultureInfo.InvariantCulture, $"arithmetic-{split}-{seed}-{index}").ToLowerInvariant();
        return new RolloutTask(id, QuestionEnvironment.Data(problem.Question, Text(problem.Answer)));
    }

    /// <summary>The problem behind a generated task: a pure function of its arguments.</summary>
    public static ArithmeticProblem Draw(TaskSplit split, ulong seed, long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var random = new TaskRandom(seed, (ulong)index);
        while (true)
        {
            (ArithmeticProblem problem, long[] operands) = DrawAny(ref random);
            if (SplitOf(operands) == split)
                return problem;
        }
    }

    private static TaskSplit SplitOf(long[] operands)
    {
        ulong hash = 0;
        foreach (long operand in operands.Order())
            hash = TaskRandom.Mix((hash * 31) + (ulong)operand + 1);
        return hash % TestShare == 0 ? TaskSplit.Test : TaskSplit.Train;
    }

    private static (ArithmeticProblem Problem, long[] Operands) DrawAny(ref TaskRandom random) => random.Between(0, 7) switch
    {
        0 or 1 => TwoTerms(ref random),
        2 or 3 => ThreeTerms(ref random),
        4 => Story(random.Between(2, 99), '*', random.Between(2, 999), "A box holds {0} pens. How many pens are in {1} boxes?"),
        5 => Story(random.Between(10, 4999), '+', random.Between(10, 4999), "Mia has {0} coins and finds {1} more. How many coins now?"),
        6 => Subtraction(ref random),
        _ => Division(ref random),
    };

    private static (ArithmeticProblem, long[]) TwoTerms(ref TaskRandom random)
    {
        char sign = random.Pick("+-*/");
        long left = random.Between(2, sign == '*' ? 999 : 4999);
        long right = random.Between(2, sign is '*' or '/' ? 99 : 4999);
        (left, long answer) = sign switch
        {
            '+' => (left, left + right),
            '-' => (left, left - right),
            '*' => (left, left * right),
            _ => (Math.Max(left / right, 1) * right, Math.Max(left / right, 1)),
        };
        string expression = $"{Text(left)} {sign} {Text(right)}";
        return (new ArithmeticProblem($"What is {expression}?", expression, answer), [left, right]);
    }

    private static (ArithmeticProblem, long[]) ThreeTerms(ref TaskRandom random)
    {
        bool grouped = random.Between(0, 1) == 1;
        char first = random.Pick("+-");
        char second = random.Pick(grouped ? "+-*" : "+-");
        long a = random.Between(2, 999), b = random.Between(2, 999), c = random.Between(2, second == '*' ? 99 : 999);
        long inner = first == '+' ? a + b : a - b;
        long answer = second switch { '+' => inner + c, '-' => inner - c, _ => inner * c };
        string pair = $"{Text(a)} {first} {Text(b)}";
        string expression = $"{(grouped ? $"({pair})" : pair)} {second} {Text(c)}";
        return (new ArithmeticProblem($"Compute {expression}.", expression, answer), [a, b, c]);
    }

    private static (ArithmeticProblem, long[]) Subtraction(ref TaskRandom random)
    {
        long had = random.Between(20, 4999);
        return Story(had, '-', random.Between(2, had), "A shop had {0} cups and sold {1}. How many cups are left?");
    }

    private static (ArithmeticProblem, long[]) Division(ref TaskRandom random)
    {
        long boxes = random.Between(2, 99);
        return Story(boxes * random.Between(2, 99), '/', boxes, "{0} pens fill {1} boxes evenly. How many pens per box?");
    }

    private static (ArithmeticProblem, long[]) Story(long left, char sign, long right, string wording)
    {
        long answer = sign switch { '+' => left + right, '-' => left - right, '*' => left * right, _ => left / right };
        string question = string.Format(CultureInfo.InvariantCulture, wording, left, right);
        return (new ArithmeticProblem(question, $"{Text(left)} {sign} {Text(right)}", answer), [left, right]);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
