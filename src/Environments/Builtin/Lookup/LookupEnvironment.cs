namespace AgentRollout.Environments.Builtin.Lookup;

/// <summary>The environment <c>lookup</c>: a question about an invented place, the tool <c>search</c>, and a reward for the right words.</summary>
public static class LookupEnvironment
{
    public static EnvironmentDefinition Definition { get; } = new()
    {
        Name = "lookup",
        Description = "Questions about invented places, to be answered from the passages that a search finds.",
        Tools = ["search"],
        Create = task => new QuestionEnvironment(task),
        Generate = LookupTasks.Generate,
    };
}
