namespace AgentRollout.Tools.Builtin.Calculator;

/// <summary>Cuts an expression into tokens; the last one is the end.</summary>
internal static class ExpressionLexer
{
    public static List<ExpressionToken> Read(string expression)
    {
        var tokens = new List<ExpressionToken>();
        int start = 0;
        while (start < expression.Length)
        {
            char first = expression[start];
            if (char.IsWhiteSpace(first))
            {
                start++;
                continue;
            }

            (ExpressionTokenKind kind, int length) = Measure(expression, start);
            tokens.Add(new ExpressionToken(kind, Spelling(expression.Substring(start, length)), start + 1));
            start += length;
        }

        tokens.Add(new ExpressionToken(ExpressionTokenKind.End, "", expression.Length + 1));
        return tokens;
    }

    private static (ExpressionTokenKind Kind, int Length) Measure(string text, int start)
    {
        char first = text[start];
        if (char.IsAsciiDigit(first) || (first == '.' && IsDigitAt(text, start + 1)))
            return (ExpressionTokenKind.Number, NumberLength(text, start));
        if (char.IsAsciiLetter(first))
            return (ExpressionTokenKind.Name, CountWhile(text, start, char.IsAsciiLetterOrDigit));
        bool doubled = first is '*' or '/' && start + 1 < text.Length && text[start + 1] == first;
        bool pair = char.IsHighSurrogate(first) && start + 1 < text.Length;
        return (ExpressionTokenKind.Symbol, doubled || pair ? 2 : 1);
    }

    /// <summary>Digits, a fraction, and an exponent where digits follow the 'e'.</summary>
    private static int NumberLength(string text, int start)
    {
        int end = start + CountWhile(text, start, char.IsAsciiDigit);
        if (end < text.Length && text[end] == '.')
            end += 1 + CountWhile(text, end + 1, char.IsAsciiDigit);
        if (end < text.Length && text[end] is 'e' or 'E')
        {
            int sign = end + 1 < text.Length && text[end + 1] is '+' or '-' ? 1 : 0;
            if (IsDigitAt(text, end + 1 + sign))
                end += 1 + sign + CountWhile(text, end + 1 + sign, char.IsAsciiDigit);
        }

        return end - start;
    }

    private static int CountWhile(string text, int start, Func<char, bool> predicate)
    {
        int end = start;
        while (end < text.Length && predicate(text[end]))
            end++;
        return end - start;
    }

    private static bool IsDigitAt(string text, int index) => index < text.Length && char.IsAsciiDigit(text[index]);

    private static string Spelling(string symbol) => symbol switch
    {
        "^" => "**",
        "×" or "·" => "*",
        "÷" => "/",
        "−" => "-",
        _ => symbol,
    };
}
