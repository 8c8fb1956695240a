using System.CommandLine;
using AgentRollout.Gateway.Bench.Serving;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout bench gateway</c>: measures what the server adds to its engine.</summary>
internal static class BenchGatewayCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string?> model = OptionFactory.Text("--model", "DIR", "Folder of the tokenizer and the chat template. Default: the shipped models/tiny-agent.");
        Option<float> seconds = OptionFactory.Number(
            "--seconds", "How long each measurement runs.", 2, value => value is > 0 and <= 600, "above 0 and at most 600");
        Option<long> rounds = OptionFactory.Integer("--rounds", "Measurements of each kind, interleaved.", 3, 1, 1_000);
        Option<bool> quick = new("--quick") { Description = "One short measurement of each kind, with 1 and 8 clients." };
        Option<bool> json = new("--json") { Description = "Prints the figures as one JSON object." };
        Command command = new("gateway", "Measures what a call of a dialect and a streamed token cost beside the engine called in the process.")
        {
            model, seconds, rounds, quick, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            GatewayBenchOptions options = new(
                ModelFolder.Find(parsed.GetValue(model)), parsed.GetValue(seconds), (int)parsed.GetValue(rounds), [1, 64, 512]);
            if (parsed.GetValue(quick))
                options = options with { Seconds = 0.2, Rounds = 1, Concurrencies = [1, 8] };
            GatewayReport report = await GatewayBench.RunAsync(options, cancellationToken);
            await terminal.Console.Profile.Out.Writer.WriteLineAsync(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitCodes.Success;
        });
        return command;
    }
}
