namespace AgentRollout.Environments.Builtin.Code;

/// <summary>The environment <c>code</c>: a number that takes a short program, the sandboxed tool <c>python</c>, and a reward for the right one.</summary>
public static class CodeEnvironment
{
    public static EnvironmentDefinition Definition { get; } = new()
    {
        Name = "code",
        Description = "Questions about numbers that take a short Python program.",
        Tools = ["python"],
        Create = task => new QuestionEnvironment(task),
        Generate = CodeTasks.Generate,
    };
}
