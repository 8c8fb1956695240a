using System.Globalization;
using System.Numerics;

namespace AgentRollout.Environments.Builtin.Code;

/// <summary>
/// Questions whose answer a few lines of code compute and nobody knows by heart. A question belongs to the test split where a hash of its
/// numbers says so: about one in five.
/// </summary>
public static class CodeTasks
{
    private const ulong TestShare = 5;

    /// <summary>Task number <paramref name="index"/> of a split: a pure function of its arguments.</summary>
    public static RolloutTask Generate(TaskSplit split, ulong seed, long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var random = new TaskRandom(seed, (ulong)index);
        string id = string.Create(CultureInfo.InvariantCulture, $"code-{split}-{seed}-{index}").ToLowerInvariant();
        while (true)
        {
            long kind = random.Between(0, 3);
            long a = random.Between(100, 9_999), b = random.Between(20, 99);
            if (SplitOf(kind, a, b) == split)
                return new RolloutTask(id, Data(kind, a, b));
        }
    }

    private static System.Text.Json.JsonElement Data(long kind, long a, long b) => kind switch
    {
        0 => Data($"What is the sum of the decimal digits of {a}**{b}?", DigitSum(BigInteger.Pow(a, (int)b))),
        1 => Data($"How many prime numbers are there from {a} to {a + (10 * b)}, both included?", Primes(a, a + (10 * b))),
        2 => Data($"What is the remainder of Fibonacci number {a} divided by {b + 900}, where numbers 1 and 2 are both 1?", Fibonacci(a, b + 900)),
        _ => Data($"What is the sum of all integers from 1 to {a} that are divisible by 3 or by {b}?", Multiples(a, b)),
    };

    private static System.Text.Json.JsonElement Data(FormattableString question, long answer) =>
        QuestionEnvironment.Data(FormattableString.Invariant(question), answer.ToString(CultureInfo.InvariantCulture));

    private static TaskSplit SplitOf(long kind, long a, long b) =>
        TaskRandom.Mix((TaskRandom.Mix((ulong)((kind * 100) + b)) * 31) + (ulong)a) % TestShare == 0 ? TaskSplit.Test : TaskSplit.Train;

    private static long DigitSum(BigInteger number) => number.ToString(CultureInfo.InvariantCulture).Sum(digit => (long)(digit - '0'));

    private static long Primes(long low, long high)
    {
        long count = 0;
        for (long number = low; number <= high; number++)
        {
            long divisor = 2;
            while (divisor * divisor <= number && number % divisor != 0)
                divisor++;
            count += divisor * divisor > number ? 1 : 0;
        }

        return count;
    }

    private static long Fibonacci(long index, long modulus)
    {
        (long previous, long current) = (0, 1);
        for (long i = 1; i < index; i++)
            (previous, current) = (current, (previous + current) % modulus);
        return current % modulus;
    }

    private static long Multiples(long last, long divisor)
    {
        long sum = 0;
        for (long number = 1; number <= last; number++)
            sum += number % 3 == 0 || number % divisor == 0 ? number : 0;
        return sum;
    }
}
