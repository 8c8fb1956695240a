namespace AgentRollout.Tools.Builtin.Calculator;

/// <summary>One word of an expression.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As written, except that <c>^ × ÷ −</c> are spelt <c>** * / -</c>.</param>
/// <param name="Position">Of its first character, counted from 1.</param>
internal readonly record struct ExpressionToken(ExpressionTokenKind Kind, string Text, int Position)
{
    /// <summary>As an error message names it.</summary>
    public string Quoted => Kind == ExpressionTokenKind.End ? "the end" : $"'{Text}'";

    public bool Is(string symbol) => Kind == ExpressionTokenKind.Symbol && Text == symbol;
}

internal enum ExpressionTokenKind
{
    Number,
    Name,
    Symbol,
    End,
}
