using AgentRollout.Environments;
using AgentRollout.Environments.Tasks;
using AgentRollout.Gateway.Rollouts;
using AgentRollout.Gateway.Storage;

namespace AgentRollout.Gateway.Commands;

/// <summary>Where the tasks of a run come from: a file, or the environment.</summary>
internal sealed record RolloutTaskSource(string? File, long? Count, long? Offset, string Split)
{
    private const long DefaultCount = 8;

    /// <summary>The tasks, checked where they come from a file, and how many there are.</summary>
    /// <exception cref="CommandException">There is no such file, or the environment generates no tasks.</exception>
    /// <exception cref="RolloutTaskException">The file holds no task, or one that the environment cannot use.</exception>
    public async Task<(IEnumerable<RolloutTask> Tasks, long Count)> ReadAsync(EnvironmentDefinition environment)
    {
        if (File is null)
        {
            long count = Count ?? DefaultCount;
            return environment.Generate is null
                ? throw CommandException.Usage($"Environment '{environment.Name}' generates no tasks; name a file with --tasks.")
                : (RolloutPlanner.Generate(environment, StatusText.Parse<TaskSplit>(Split), Offset ?? 0, count), count);
        }

        if (!System.IO.File.Exists(File))
            throw CommandException.Usage($"Task file '{File}' does not exist.");
        IReadOnlyList<RolloutTask> tasks = JsonlTasks.Read(File);
        foreach (RolloutTask task in tasks)
            await environment.Create(task).DisposeAsync();
        return (tasks, tasks.Count);
    }
}
