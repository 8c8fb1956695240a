using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AgentRollout.Tools.Search;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary><c>agentrollout index</c>: makes the index file of a corpus for the tool <c>search</c>.</summary>
internal static class IndexCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<string> corpus = new("--corpus") { Description = "JSON lines {\"id\", \"title\", \"text\"} or {\"id\", \"contents\"}.", HelpName = "FILE.jsonl", Required = true };
        Option<string> output = new("--out") { Description = "The index to make; 'search_index' in the server's configuration names it.", HelpName = "FILE", Required = true };
        Command command = new("index", "Makes the search index of a corpus.") { corpus, output };
        command.SetAction((parsed, cancellationToken) => RunAsync(terminal, parsed.GetRequiredValue(corpus), parsed.GetRequiredValue(output), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string corpus, string output, CancellationToken cancellationToken)
    {
        if (!File.Exists(corpus))
            throw CommandException.Usage($"Corpus '{corpus}' does not exist.");
        if (Path.GetDirectoryName(Path.GetFullPath(output)) is { } folder && !Directory.Exists(folder))
            throw CommandException.Usage($"Folder '{folder}' of '{output}' does not exist.");
        Stopwatch clock = Stopwatch.StartNew();
        Progress progress = new(terminal.Error, clock);
        await Task.Run(() => LocalIndexSearch.Build(corpus, output, progress, cancellationToken), CancellationToken.None);
        double seconds = clock.Elapsed.TotalSeconds;
        terminal.Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Passages:N0} passages in {seconds:F1} s, {progress.Passages / seconds:N0} a second; {new FileInfo(output).Length / 1048576.0:F1} MiB in {output}"));
        return ExitCodes.Success;
    }

    /// <summary>Says every few seconds how far it is.</summary>
    private sealed class Progress(TextWriter output, Stopwatch clock) : IProgress<long>
    {
        private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

        private TimeSpan _said;

        public long Passages { get; private set; }

        public void Report(long value)
        {
            Passages = value;
            if (clock.Elapsed - _said < Every)
                return;
            _said = clock.Elapsed;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{value:N0} passages, {value / clock.Elapsed.TotalSeconds:N0} a second"));
        }
    }
}
