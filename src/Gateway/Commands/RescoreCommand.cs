using System.CommandLine;
using AgentRollout.Environments.Trajectories;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout rescore</c>: runs reward functions again over stored trajectories.</summary>
internal static class RescoreCommand
{
    public static Command Create(Terminal terminal)
    {
        Argument<string?> what = new("TRAJECTORY-ID|FILE")
        {
            Description = "A stored trajectory, or trajectories as lines of JSON.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> rollout = OptionFactory.Text("--rollout", "ID", "All stored trajectories of this rollout.");
        Option<string?> output = OptionFactory.Text("--out", "FILE", "Writes the trajectories with their new rewards to a new file.");
        Option<bool> json = new("--json") { Description = "Prints each result, and at the end the counts, as one JSON object a line." };
        ReplayOptions options = new();
        Command command = new("rescore", "Runs reward functions again over stored trajectories; exit code 1 if one cannot be.") { what, rollout, output, json };
        foreach (Option option in options.All)
            command.Add(option);
        command.SetAction((parsed, cancellationToken) =>
        {
            (string? file, string? id) = (parsed.GetValue(what), parsed.GetValue(rollout));
            if (file is null == id is null)
                throw CommandException.Usage("Name either a trajectory or file, or a rollout with '--rollout'.");
            if (parsed.GetValue(output) is { } path && File.Exists(path))
                throw CommandException.Usage($"File '{path}' exists already; rescored trajectories are written to a new one.");
            ReplaySettings settings = options.ReadSettings(parsed);
            TrajectorySource source = options.ReadSource(parsed, settings);
            IAsyncEnumerable<Trajectory> trajectories = file is not null
                ? source.ReadAsync(file, cancellationToken)
                : source.ReadRolloutAsync(id!, cancellationToken);
            return new ReplayRun(terminal, settings, Environment.ProcessorCount, parsed.GetValue(json))
                .RescoreAsync(trajectories, parsed.GetValue(output), cancellationToken);
        });
        return command;
    }
}
