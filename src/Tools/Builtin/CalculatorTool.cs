using System.ComponentModel;
using AgentRollout.Tools.Builtin.Calculator;

namespace AgentRollout.Tools.Builtin;

/// <summary>
/// The tool <c>calculator</c>: exact arithmetic with <c>+ - * / // % **</c> (or <c>^</c>), parentheses, decimals, scientific notation and
/// the functions abs, ceil, floor, gcd, lcm, max, min, round and sqrt. <c>//</c> and <c>%</c> round towards minus infinity, as in Python.
/// The answer is an integer or an exact decimal; one that does not end within 40 digits is rounded to 12 significant digits.
/// </summary>
public static class CalculatorTool
{
    /// <summary>The tool with its one argument <c>expression</c>.</summary>
    public static ITool Create() => new DelegateTool(Evaluate, "calculator");

    /// <summary>Evaluates one expression.</summary>
    /// <exception cref="ToolException">The expression is malformed, has no value, or exceeds a limit; the message names the position, counted from 1.</exception>
    [Description("Evaluate an arithmetic expression.")]
    public static string Evaluate(string expression) => NumberText.Format(ExpressionParser.Evaluate(expression));
}
