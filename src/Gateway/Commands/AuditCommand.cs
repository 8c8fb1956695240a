using System.CommandLine;
using AgentRollout.Environments.Trajectories;
using AgentRollout.RolloutEngine;
using Microsoft.Extensions.Logging.Abstractions;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout audit</c>: checks every trajectory of a file.</summary>
internal static class AuditCommand
{
    public static Command Create(Terminal terminal)
    {
        Argument<string> file = new("FILE") { Description = "Trajectories as lines of JSON." };
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Also compute every log-probability again with this model.");
        Command command = new("audit", "Checks every trajectory of a file; exit code 1 if one fails.") { file, model };
        command.SetAction((parsed, cancellationToken) =>
            RunAsync(terminal, parsed.GetRequiredValue(file), parsed.GetValue(model), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string file, string? model, CancellationToken cancellationToken)
    {
        if (!File.Exists(file))
            throw CommandException.Usage($"File '{file}' does not exist.");
        if (model is null)
            return await CheckAsync(terminal, file, modelAuditor: null, cancellationToken);

        await using LoadedModel loaded = await LoadedModel.LoadAsync(ModelFolder.Find(model), new EngineOptions(), NullLoggerFactory.Instance);
        return await CheckAsync(terminal, file, new ModelAuditor(loaded.Engine, loaded.Policy.Format), cancellationToken);
    }

    private static async Task<int> CheckAsync(
        Terminal terminal, string file, ModelAuditor? modelAuditor, CancellationToken cancellationToken)
    {
        int count = 0;
        int broken = 0;
        HashSet<string> ids = new(StringComparer.Ordinal);
        await foreach (Trajectory trajectory in JsonlTrajectoryStore.ReadFileAsync(file, cancellationToken))
        {
            count++;
            string? problem = ids.Add(trajectory.Id) ? TrajectoryAuditor.FindProblem(trajectory) : "Its id was used before.";
            if (problem is null && modelAuditor is not null)
                problem = await modelAuditor.FindProblemAsync(trajectory, cancellationToken);
            if (problem is null)
                continue;
            broken++;
            terminal.Console.WriteLine($"{trajectory.Id}: {problem}");
        }

        if (count == 0)
            throw CommandException.Usage($"File '{file}' holds no trajectory.");
        terminal.Console.WriteLine(broken == 0 ? $"{count} checked, all hold." : $"{count} checked, {broken} broken.");
        return broken == 0 ? ExitCodes.Success : ExitCodes.Failure;
    }
}
