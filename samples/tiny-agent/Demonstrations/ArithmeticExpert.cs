using AgentRollout.Environments;
using AgentRollout.Environments.Builtin.Arithmetic;

namespace AgentRollout.Samples.Demonstrations;

/// <summary>Copies the expression into the calculator. Its mistakes: a wrong operator, swapped operands, a dropped term, a slip of a digit.</summary>
internal sealed class ArithmeticExpert(Random random, double mistakes, ulong seed) : Expert(random, mistakes)
{
    public override Plan Begin(long index)
    {
        string expression = ArithmeticTasks.Draw(TaskSplit.Train, seed, index).Expression;
        if (!Errs())
            return new Plan(expression, result => result);
        return Random.Next(10) switch
        {
            < 5 => new Plan(WrongOperator(expression), result => result),
            < 7 => new Plan(DropOrSwap(expression), result => result),
            7 => new Plan(SlipDigit(expression), result => result),
            _ => new Plan(expression, SlipDigit),
        };
    }

    private string WrongOperator(string expression)
    {
        int[] places = [.. Enumerable.Range(1, expression.Length - 2).Where(i => expression[i - 1] == ' ' && expression[i + 1] == ' ')];
        int place = places[Random.Next(places.Length)];
        string others = "+-*/".Replace(expression[place].ToString(), "", StringComparison.Ordinal);
        return string.Concat(expression.AsSpan(0, place), others[Random.Next(3)].ToString(), expression.AsSpan(place + 1));
    }

    private static string DropOrSwap(string expression)
    {
        string[] parts = expression.Replace("(", "", StringComparison.Ordinal).Replace(")", "", StringComparison.Ordinal).Split(' ');
        return parts.Length > 3 ? string.Join(' ', parts[..3]) : $"{parts[2]} {parts[1]} {parts[0]}";
    }

    private string SlipDigit(string text)
    {
        int[] digits = [.. Enumerable.Range(0, text.Length).Where(i => char.IsAsciiDigit(text[i]))];
        if (digits is [])
            return text;
        int place = digits[Random.Next(digits.Length)];
        char slipped = (char)('1' + ((text[place] - '0' + Random.Next(8)) % 9));
        return string.Concat(text.AsSpan(0, place), slipped.ToString(), text.AsSpan(place + 1));
    }
}
