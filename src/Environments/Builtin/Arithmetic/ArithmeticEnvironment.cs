using AgentRollout.Environments.Rewards;

namespace AgentRollout.Environments.Builtin.Arithmetic;

/// <summary>The environment <c>arithmetic</c>: a problem, the tool <c>calculator</c>, and a reward for the right number.</summary>
public static class ArithmeticEnvironment
{
    /// <summary>With the built-in rewards.</summary>
    public static EnvironmentDefinition Definition { get; } = Define(RewardCatalog.BuiltIn);

    /// <summary>With these rewards, of which tasks name one.</summary>
    public static EnvironmentDefinition Define(RewardCatalog rewards) => new()
    {
        Name = "arithmetic",
        Description = "Arithmetic problems with numbers up to thousands, to be solved with a calculator.",
        Tools = ["calculator"],
        Create = task => new QuestionEnvironment(task, rewards),
        Generate = ArithmeticTasks.Generate,
    };
}
