using System.Globalization;
using System.Text;

namespace AgentRollout.Tools.Sandbox;

/// <summary>Says what a call in a sandbox brought, in the words that the model reads.</summary>
internal static class SandboxText
{
    public const string Lost = "The sandbox ended during this call and was replaced by a new one; variables, files and running processes are gone.";

    public const string PreviousWasCut = $"The call before this one was cancelled and killed; {FreshInterpreter}";

    private const string FreshInterpreter = "a fresh Python interpreter was started, so variables are gone, and files are kept.";

    /// <summary>Standard output, standard error, the value or the traceback, and a sentence where the call was cut.</summary>
    public static string OfPython(SandboxReply reply, SandboxOptions options) =>
        Join(reply.Stdout, reply.Stderr, reply.Value, reply.Error, EndOf(reply, options));

    /// <summary>Standard output, standard error, the exit code where it is not 0, and a sentence where the call was cut.</summary>
    public static string OfShell(SandboxReply reply, SandboxOptions options)
    {
        bool ran = reply.Ended is null or SandboxEnd.Died;
        string? exit = ran && reply.ExitCode is { } code and not 0 ? $"The command {HowItEnded(code)}." : null;
        return Join(reply.Stdout, reply.Stderr, exit, EndOf(reply, options));
    }

    /// <summary>What the operation brought, unless it was cut.</summary>
    /// <exception cref="ToolException">It was refused.</exception>
    public static string OfFile(SandboxReply reply, SandboxOptions options, Func<SandboxReply, string> text)
    {
        if (reply.Refused is { } refusal)
            throw new ToolException(refusal);
        bool done = reply.Content is not null || reply.Entries is not null || reply.Bytes is not null;
        return Join(done ? text(reply) : "The operation was not done.", EndOf(reply, options));
    }

    public static string OfEntries(SandboxReply reply)
    {
        if (reply.Entries is null or [])
            return "The folder is empty.";
        StringBuilder lines = new();
        foreach (SandboxFile file in reply.Entries)
        {
            string size = file.Kind is "file" ? string.Create(CultureInfo.InvariantCulture, $"{file.Bytes} bytes") : file.Kind;
            lines.Append(lines.Length > 0 ? "\n" : "").Append(file.Path).Append(" (").Append(size).Append(')');
        }

        if (reply.Total > reply.Entries.Count)
            lines.Append(CultureInfo.InvariantCulture, $"\nThese are {reply.Entries.Count} of {reply.Total} entries.");
        return lines.ToString();
    }

    private static string? EndOf(SandboxReply reply, SandboxOptions options) => reply.Ended switch
    {
        SandboxEnd.Timeout => string.Create(
            CultureInfo.InvariantCulture, $"The call took longer than {options.CallTimeoutSeconds:0.###} s and was killed; {FreshInterpreter}"),
        SandboxEnd.Output => string.Create(
            CultureInfo.InvariantCulture, $"The call printed more than {options.MaxOutputBytes} bytes and was killed; {FreshInterpreter}"),
        SandboxEnd.Died when reply.ExitCode is not null => $"No process could be started until all that ran were killed; {FreshInterpreter}",
        SandboxEnd.Died when reply.Status is { } status => $"The Python interpreter {HowItEnded(status)}; {FreshInterpreter}",
        SandboxEnd.Died => $"The Python interpreter was disturbed and killed; {FreshInterpreter}",
        SandboxEnd.Cancelled => $"The call was cancelled and killed; {FreshInterpreter}",
        _ => null,
    };

    private static string HowItEnded(int code) => code switch
    {
        -9 => "was killed, as happens when memory runs out",
        < 0 => string.Create(CultureInfo.InvariantCulture, $"was ended by signal {-code}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"ended with exit code {code}"),
    };

    private static string Join(params ReadOnlySpan<string?> parts)
    {
        StringBuilder text = new();
        foreach (string? part in parts)
        {
            if (string.IsNullOrEmpty(part))
                continue;
            if (text.Length > 0 && text[^1] != '\n')
                text.Append('\n');
            text.Append(part);
        }

        return text.Length > 0 ? text.ToString().TrimEnd('\n') : "(no output)";
    }
}
