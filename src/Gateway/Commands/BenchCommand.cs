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
        Tokenizer(terminal),
    };

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
