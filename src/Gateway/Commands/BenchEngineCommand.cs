using System.CommandLine;
using AgentRollout.Gateway.Bench;
using AgentRollout.RolloutEngine;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout bench engine</c>: measures the embedded engine on this machine.</summary>
internal static class BenchEngineCommand
{
    /// <summary>What requests have by default; only a load about gaps wants every token by itself.</summary>
    private const int EveryChunkMs = 20;

    public static Command Create(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the model; no tokenizer is needed. Default: the shipped models/tiny-agent.");
        Option<string> scenario = OptionFactory.Choice("--scenario", "The load.", [.. Enum.GetNames<EngineScenario>().Select(name => name.ToLowerInvariant())]);
        Option<long> batch = OptionFactory.Integer("--batch", "Sequences that decode together.", 1, 1, 4_096);
        Option<long> context = OptionFactory.Integer("--context", "Tokens of a prompt, or of a sequence before the first step.", 512, 1, 1_000_000);
        Option<long> steps = OptionFactory.Integer("--steps", "Measured decode steps, or prompts.", 32, 1, 100_000);
        Option<long?> prompts = OptionFactory.OptionalInteger("--prompts", "Different prompts of grpo and turns. Default 8, in turns 2.", 1, 100_000);
        Option<long> samples = OptionFactory.Integer("--samples", "Trajectories per prompt.", 8, 1, 4_096);
        Option<long> prefix = OptionFactory.Integer("--prefix", "Tokens of a prompt of grpo and turns.", 400, 1, 1_000_000);
        Option<long?> sampled = OptionFactory.OptionalInteger("--new", "Tokens sampled in a turn. Default 128, in turns 200.", 1, 1_000_000);
        Option<long> observed = OptionFactory.Integer("--observed", "Tokens that answer a turn.", 300, 1, 1_000_000);
        Option<long> turns = OptionFactory.Integer("--turns", "Turns of a trajectory of turns.", 5, 1, 1_000);
        Option<long> chunk = OptionFactory.Integer("--chunk", "Most tokens computed in one step.", 512, 1, 65_536);
        Option<long> mixed = OptionFactory.Integer("--mixed-chunk", "Most prompt tokens computed in a step that samples for others too.", 128, 1, 65_536);
        Option<bool> noPrefixCache = new("--no-prefix-cache") { Description = "Computes every prompt anew." };
        Option<bool> noSiblings = new("--no-sibling-scheduling") { Description = "Lets samples of a group compute their common prompt side by side." };
        NumberFormats formats = new();
        Option<long> threads = OptionFactory.Integer("--threads", "Threads of the engine; 0 for one per processor.", 0, 0, 1_024);
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("engine", "Measures the embedded engine, beside what the machine can do at best.")
        {
            model, scenario, batch, context, steps, prompts, samples, prefix, sampled, observed, turns, chunk, mixed, noPrefixCache, noSiblings, formats.Weights, formats.KvCache, threads, json,
        };
        command.SetAction(async (parsed, _) =>
        {
            EngineScenario load = Enum.Parse<EngineScenario>(parsed.GetRequiredValue(scenario), ignoreCase: true);
            bool hasTurns = load == EngineScenario.Turns;
            EngineReport report = await EngineBench.RunAsync(new EngineBenchOptions
            {
                Model = ModelFolder.Find(parsed.GetValue(model)),
                Scenario = load,
                Batch = (int)parsed.GetValue(batch),
                Context = (int)parsed.GetValue(context),
                Steps = (int)parsed.GetValue(steps),
                Groups = new GroupLoad(
                    (int)(parsed.GetValue(prompts) ?? (hasTurns ? 2 : 8)), (int)parsed.GetValue(samples), (int)parsed.GetValue(prefix),
                    (int)(parsed.GetValue(sampled) ?? (hasTurns ? 200 : 128)), (int)parsed.GetValue(observed), hasTurns ? (int)parsed.GetValue(turns) : 1),
                Engine = new EngineOptions
                {
                    Threads = (int)parsed.GetValue(threads),
                    MaxBatchTokens = (int)parsed.GetValue(chunk),
                    MaxMixedPrefillTokens = (int)parsed.GetValue(mixed),
                    PrefixCache = !parsed.GetValue(noPrefixCache),
                    SiblingScheduling = !parsed.GetValue(noSiblings),
                    ChunkIntervalMs = load == EngineScenario.Mixed ? 0 : EveryChunkMs,
                    KvCacheType = formats.KvCacheType(parsed),
                    WeightType = formats.WeightType(parsed),
                },
            });
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitCodes.Success;
        });
        return command;
    }
}
