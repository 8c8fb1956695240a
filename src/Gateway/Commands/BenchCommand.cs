using System.CommandLine;
using AgentRollout.Gateway.Bench;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout bench</c>: measures a part of the program on this machine.</summary>
internal static class BenchCommand
{
    public static Command Create(Terminal terminal) => new("bench", "Measures a part of the program on this machine.")
    {
        BenchEngineCommand.Create(terminal),
        BenchGatewayCommand.Create(terminal),
        BenchLoopCommand.Create(terminal),
        Soak(terminal),
        BenchSandboxCommand.Create(terminal),
        Tokenizer(terminal),
        Weights(terminal),
    };

    private static Command Soak(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the model; no tokenizer is needed. Default: the shipped models/tiny-agent.");
        Option<float> minutes = OptionFactory.Number("--minutes", "How long.", 20, value => value is > 0 and <= 10_000, "above 0 and at most 10000");
        Option<long> seed = OptionFactory.Integer("--seed", "Seed of the load.", 0, 0, int.MaxValue);
        Option<long> clients = OptionFactory.Integer("--clients", "Trajectories that play at once.", 32, 1, 4_096);
        NumberFormats formats = new();
        Option<long> memory = OptionFactory.Integer("--kv-cache-mib", "Memory for keys and values; little makes sequences take turns.", 4, 1, 1_048_576);
        Option<long> threads = OptionFactory.Integer("--threads", "Threads of the engine; 0 for one per processor.", 0, 0, 1_024);
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("soak", "Puts a random load on the engine, with every page accounted for after every step; exit code 1 if anything is wrong.")
        {
            model, minutes, seed, clients, memory, formats.Weights, formats.KvCache, threads, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            SoakReport report = await EngineSoak.RunAsync(
                new SoakOptions(
                    ModelFolder.Find(parsed.GetValue(model)), TimeSpan.FromMinutes(parsed.GetValue(minutes)), (int)parsed.GetValue(seed),
                    (int)parsed.GetValue(clients), (int)parsed.GetValue(memory), (int)parsed.GetValue(threads), formats.WeightType(parsed), formats.KvCacheType(parsed)),
                cancellationToken);
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return report.Problems.Count == 0 ? ExitCodes.Success : ExitCodes.Failure;
        });
        return command;
    }

    private static Command Weights(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the model; no tokenizer is needed. Default: the shipped models/tiny-agent.");
        Option<string?> staging = OptionFactory.Text("--staging", "DIR", "A folder for two copies of the weights. Default: /dev/shm, or the temporary folder where there is none.");
        Option<long> rounds = OptionFactory.Integer("--rounds", "Measurements of each kind, of which the median counts.", 5, 1, 1_000);
        Option<long> threads = OptionFactory.Integer("--threads", "Threads of the engine and of the copy; 0 for one per processor.", 0, 0, 1_024);
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("weights", "Measures updates of the weights beside a plain copy and a plain HTTP request of the same bytes.")
        {
            model, staging, rounds, threads, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string folder = parsed.GetValue(staging) ?? (Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath());
            if (!Directory.Exists(folder))
                throw CommandException.Usage($"--staging is '{folder}', which does not exist.");
            WeightReport report = await WeightBench.RunAsync(
                ModelFolder.Find(parsed.GetValue(model)), folder, (int)parsed.GetValue(rounds), (int)parsed.GetValue(threads), cancellationToken);
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitCodes.Success;
        });
        return command;
    }

    private static Command Tokenizer(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the tokenizer. Default: the shipped models/tiny-agent.");
        Option<string?> text = OptionFactory.Text("--text", "FILE", "UTF-8 text to encode. Default: the program's own documentation comments.");
        Option<long> repeats = OptionFactory.Integer("--repeats", "Measurements of each kind, of which the median counts.", 5, 1, 1_000);
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("tokenizer", "Measures encoding, decoding, loading and rendering on one thread.") { model, text, repeats, json };
        command.SetAction(parsed =>
        {
            string folder = ModelFolder.Find(parsed.GetValue(model));
            TokenizerReport report = TokenizerBench.Run(folder, BenchText.Read(parsed.GetValue(text)), (int)parsed.GetValue(repeats));
            terminal.Console.Profile.Out.Writer.WriteLine(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitCodes.Success;
        });
        return command;
    }
}
