using System.Globalization;

namespace AgentRollout.Tools.Sandbox;

/// <summary>Names the process that a sandbox belongs to, so that another one can tell later whether it still lives.</summary>
public static class SandboxOwner
{
    /// <summary>Where in <c>/proc/PID/stat</c>, counted from the state that follows the name, the start time stands.</summary>
    private const int StartTimeField = 19;

    private static readonly string Scope = ReadScope();

    /// <summary>This process: the machine's boot and PID namespace, the process id, and the process's start time.</summary>
    public static string Current { get; } =
        string.Create(CultureInfo.InvariantCulture, $"{Scope}:{Environment.ProcessId}:{StartTime(Environment.ProcessId)}");

    /// <summary>
    /// Whether an owner was a process of this machine and is gone. Of owners elsewhere, on another machine or in another PID namespace, nothing
    /// is known, and only the expiry of their sandboxes counts.
    /// </summary>
    public static bool IsDead(string owner) =>
        Scope.Length > 0
        && owner.Split(':') is [var scope, var id, var start]
        && scope == Scope
        && int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int process)
        && StartTime(process) != start;

    private static string StartTime(int process)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat"));
            // The name may hold spaces and parentheses.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? "" : fields[StartTimeField];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string ReadScope()
    {
        try
        {
            string boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
            string space = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
            return $"{boot}/{new string([.. space.Where(char.IsAsciiDigit)])}";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
