using System.Text;
using AgentRollout.Gateway.Commands;

namespace AgentRollout.Gateway.Tests.Commands;

/// <summary>Runs the command line in this process, with streams in place of a terminal.</summary>
internal static class CommandLineRunner
{
    public static Task<CommandResult> RunAsync(params string[] arguments) => RunWithInputAsync("", arguments);

    public static async Task<CommandResult> RunWithInputAsync(string input, params string[] arguments)
    {
        using MemoryStream standardInput = new(Encoding.UTF8.GetBytes(input));
        using MemoryStream output = new();
        using StringWriter error = new();
        int exitCode = await AgentRolloutCommand.RunAsync(arguments, Terminal.Redirected(standardInput, output, error));
        return new CommandResult(exitCode, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }
}

internal sealed record CommandResult(int ExitCode, string Output, string Error)
{
    public IReadOnlyList<string> Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
