using System.CommandLine;
using AgentRollout.Gateway.Bench;
using AgentRollout.RolloutEngine;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout bench engine</c>: measures the embedded engine on this machine.</summary>
internal static class BenchEngineCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the model; no tokenizer is needed. Default: the shipped models/tiny-agent.");
        Option<string> scenario = OptionFactory.Choice("--scenario", "The load.", [.. Enum.GetNames<EngineScenario>().Select(name => name.ToLowerInvariant())]);
        Option<long> batch = OptionFactory.Integer("--batch", "Sequences that decode together.", 1, 1, 4_096);
        Option<long> context = OptionFactory.Integer("--context", "Tokens of a prompt, or of a sequence before the first step.", 512, 1, 1_000_000);
        Option<long> steps = OptionFactory.Integer("--steps", "Measured decode steps, or prompts.", 32, 1, 100_000);
        Option<long> threads = OptionFactory.Integer("--threads", "Threads of the engine; 0 for one per processor.", 0, 0, 1_024);
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("engine", "Measures the embedded engine, beside what the machine can do at best.")
        {
            model, scenario, batch, context, steps, threads, json,
        };
        command.SetAction(async (parsed, _) =>
        {
            EngineReport report = await EngineBench.RunAsync(new EngineBenchOptions
            {
                Model = ModelFolder.Find(parsed.GetValue(model)),
                Scenario = Enum.Parse<EngineScenario>(parsed.GetRequiredValue(scenario), ignoreCase: true),
                Batch = (int)parsed.GetValue(batch),
                Context = (int)parsed.GetValue(context),
                Steps = (int)parsed.GetValue(steps),
                Engine = new EngineOptions { Threads = (int)parsed.GetValue(threads) },
            });
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitCodes.Success;
        });
        return command;
    }
}
