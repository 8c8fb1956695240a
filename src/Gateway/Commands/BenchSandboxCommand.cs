using System.CommandLine;
using AgentRollout.Gateway.Bench;
using AgentRollout.Gateway.Storage;
using AgentRollout.Tools.Sandbox;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout bench sandbox</c>: measures sandboxed tools on this machine.</summary>
internal static class BenchSandboxCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string> runtime = OptionFactory.Choice("--runtime", "What makes the sandboxes.", OptionFactory.WordsOf<SandboxRuntimeKind>());
        Option<long> cells = OptionFactory.Integer("--cells", "Python cells of one trajectory, one after the other.", 1_000, 1, 1_000_000);
        Option<long> commands = OptionFactory.Integer("--commands", "Runs of docker exec and of docker run.", 20, 1, 10_000);
        Option<long> trajectories = OptionFactory.Integer("--trajectories", "Most trajectories that run cells at once: 1, 16 and 64 as far as they fit.", 64, 1, 64);
        Option<long> episodes = OptionFactory.Integer("--episodes", "Trajectories that are played from lease to end.", 64, 1, 1_000_000);
        Option<long> episodeCells = OptionFactory.Integer("--episode-cells", "Cells of each of them.", 3, 2, 1_000_000);
        Option<long> concurrency = OptionFactory.Integer("--concurrency", "How many of them at a time.", 32, 1, 1_024);
        Option<bool> only = new("--episodes-only") { Description = "Measures nothing but episodes." };
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("sandbox", "Measures sandboxed Python beside docker exec and docker run.")
        {
            runtime, cells, commands, trajectories, episodes, episodeCells, concurrency, only, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            SandboxRuntimeOptions chosen = new() { Runtime = StatusText.Parse<SandboxRuntimeKind>(parsed.GetRequiredValue(runtime)) };
            SandboxReport report = await SandboxBench.RunAsync(
                new SandboxBenchOptions(
                    chosen, (int)parsed.GetValue(cells), (int)parsed.GetValue(commands), (int)parsed.GetValue(trajectories),
                    (int)parsed.GetValue(episodes), (int)parsed.GetValue(episodeCells), (int)parsed.GetValue(concurrency), parsed.GetValue(only)),
                cancellationToken);
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return report.Episodes is { Failed: 0, Orphans: null or 0 } ? ExitCodes.Success : ExitCodes.Failure;
        });
        return command;
    }
}
