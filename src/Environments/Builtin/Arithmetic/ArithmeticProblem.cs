namespace AgentRollout.Environments.Builtin.Arithmetic;

/// <summary>One problem with its solution.</summary>
/// <param name="Question">What the model reads.</param>
/// <param name="Expression">What a calculator must be given.</param>
/// <param name="Answer">The integer that the expression comes to.</param>
public sealed record ArithmeticProblem(string Question, string Expression, long Answer);
