using System.Text.Json;
using AgentRollout.Environments;

namespace AgentRollout.Samples.Demonstrations;

/// <summary>Tasks of the test split, for <c>evaluate.py</c>.</summary>
internal static class HeldOutTasks
{
    private const int PerEnvironment = 500;

    public static void Write(FileInfo file, ulong seed, IEnumerable<EnvironmentDefinition> environments)
    {
        using StreamWriter output = file.CreateText();
        foreach (EnvironmentDefinition environment in environments)
        {
            for (long i = 0; i < PerEnvironment; i++)
            {
                RolloutTask task = environment.Generate!(TaskSplit.Test, seed, i);
                output.WriteLine(JsonSerializer.Serialize(new { environment = environment.Name, id = task.Id, data = task.Data }));
            }
        }
    }
}
