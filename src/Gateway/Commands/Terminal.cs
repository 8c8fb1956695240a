using System.Text;
using Spectre.Console;

namespace AgentRollout.Gateway.Commands;

/// <summary>What a command reads from and writes to.</summary>
/// <param name="Input">Standard input.</param>
/// <param name="Output">Standard output, for data.</param>
/// <param name="Console">Standard output, for people.</param>
/// <param name="Error">Standard error.</param>
internal sealed record Terminal(Stream Input, Stream Output, IAnsiConsole Console, TextWriter Error)
{
    /// <summary>Columns of a table where the output is no terminal.</summary>
    private const int RedirectedWidth = 160;

    /// <summary>The terminal of this process; plain text where the output goes to a file or a pipe.</summary>
    public static Terminal OfProcess()
    {
        Stream input = System.Console.OpenStandardInput();
        Stream output = System.Console.OpenStandardOutput();
        return System.Console.IsOutputRedirected
            ? Redirected(input, output, System.Console.Error)
            : new Terminal(input, output, AnsiConsole.Console, System.Console.Error);
    }

    /// <summary>A terminal that is none: plain text into a stream.</summary>
    public static Terminal Redirected(Stream input, Stream output, TextWriter error)
    {
        StreamWriter writer = new(output, new UTF8Encoding(false), leaveOpen: true) { AutoFlush = true };
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = RedirectedWidth;
        return new Terminal(input, output, console, error);
    }
}
