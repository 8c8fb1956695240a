using AgentRollout.Environments.Rewards;

namespace AgentRollout.Environments.Builtin.Lookup;

/// <summary>The environment <c>lookup</c>: a question about an invented place, the tool <c>search</c>, and a reward for the right words.</summary>
public static class LookupEnvironment
{
    /// <summary>With the built-in rewards.</summary>
    public static EnvironmentDefinition Definition { get; } = Define(RewardCatalog.BuiltIn);

    /// <summary>With these rewards, of which tasks name one.</summary>
    public static EnvironmentDefinition Define(RewardCatalog rewards) => new()
    {
        Name = "lookup",
        Description = "Questions about invented places, to be answered from the passages that a search finds.",
        Tools = ["search"],
        Create = task => new QuestionEnvironment(task, rewards),
        Generate = LookupTasks.Generate,
    };
}
