namespace AgentRollout.Environments;

/// <summary>A registered environment: what it is called, which tools it offers, and how its tasks and episodes are made.</summary>
public sealed record EnvironmentDefinition
{
    /// <summary>Unique in the catalog, for example <c>arithmetic</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Whose it is, as errors and <c>GET /v1/environments</c> say it; set where it is registered.</summary>
    public string Owner { get; init; } = "built-in environments";

    /// <summary>One sentence for people.</summary>
    public required string Description { get; init; }

    /// <summary>Names of the tools that its episodes offer to the model, in the order of the prompt.</summary>
    public required IReadOnlyList<string> Tools { get; init; }

    /// <summary>Makes one episode of a task. Throws <see cref="RolloutTaskException"/> where the task's data does not fit.</summary>
    public required Func<RolloutTask, IEnvironment> Create { get; init; }

    /// <summary>
    /// Task number <c>index</c> of a split: a pure function of its arguments and endless in the index. Train and test tasks never overlap.
    /// Null where tasks must come from the user.
    /// </summary>
    public Func<TaskSplit, ulong, long, RolloutTask>? Generate { get; init; }
}

/// <summary>Which range of generated tasks to draw from.</summary>
public enum TaskSplit
{
    /// <summary>For learning.</summary>
    Train,

    /// <summary>Held out from learning.</summary>
    Test,
}
