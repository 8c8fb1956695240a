using AgentRollout.Environments.Rewards;

namespace AgentRollout.Environments.Builtin.Code;

/// <summary>The environment <c>code</c>: a number that takes a short program, the sandboxed tool <c>python</c>, and a reward for the right one.</summary>
public static class CodeEnvironment
{
    /// <summary>With the built-in rewards.</summary>
    public static EnvironmentDefinition Definition { get; } = Define(RewardCatalog.BuiltIn);

    /// <summary>With these rewards, of which tasks name one.</summary>
    public static EnvironmentDefinition Define(RewardCatalog rewards) => new()
    {
        Name = "code",
        Description = "Questions about numbers that take a short Python program.",
        Tools = ["python"],
        Create = task => new QuestionEnvironment(task, rewards),
        Generate = CodeTasks.Generate,
    };
}
