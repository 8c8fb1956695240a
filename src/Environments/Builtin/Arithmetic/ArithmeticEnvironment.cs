namespace AgentRollout.Environments.Builtin.Arithmetic;

/// <summary>The environment <c>arithmetic</c>: a problem, the tool <c>calculator</c>, and a reward for the right number.</summary>
public static class ArithmeticEnvironment
{
    public static EnvironmentDefinition Definition { get; } = new()
    {
        Name = "arithmetic",
        Description = "Arithmetic problems with numbers up to thousands, to be solved with a calculator.",
        Tools = ["calculator"],
        Create = task => new QuestionEnvironment(task),
        Generate = ArithmeticTasks.Generate,
    };
}
