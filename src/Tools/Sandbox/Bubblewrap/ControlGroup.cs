using System.Diagnostics;
using System.Globalization;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>The control group of one sandbox: a folder, or with version 1 of control groups one for each controller. Every process of the sandbox is in it.</summary>
internal sealed class ControlGroup(string name, IReadOnlyList<string> folders)
{
    private const string ProcessesFile = "cgroup.procs";
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public string Name => name;

    /// <summary>The files that a process joins by.</summary>
    public IEnumerable<string> JoinFiles => folders.Select(folder => Path.Combine(folder, ProcessesFile));

    /// <summary>Kills every process in it, and what they start meanwhile.</summary>
    /// <exception cref="SandboxException">Some do not die.</exception>
    public async Task KillAsync()
    {
        long started = Stopwatch.GetTimestamp();
        while (Processes() is { Count: > 0 } processes)
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new SandboxException($"Processes {string.Join(", ", processes)} of sandbox '{name}' were killed and did not end.");
            foreach (int process in processes)
                Kill(process);
            await Task.Delay(Poll);
        }
    }

    /// <summary>Kills what is in it and removes it.</summary>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="SandboxException">It cannot be removed.</exception>
    public async Task<bool> RemoveAsync()
    {
        long started = Stopwatch.GetTimestamp();
        bool removed = false;
        foreach (string folder in folders)
        {
            while (Directory.Exists(folder))
            {
                await KillAsync();
                try
                {
                    Directory.Delete(folder);
                    removed = true;
                }
                catch (DirectoryNotFoundException)
                {
                    // Another process removed the same leftover.
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    // The kernel lets go of the last process a moment after its end.
                    if (Stopwatch.GetElapsedTime(started) > Patience)
                        throw new SandboxException($"The control group '{folder}' cannot be removed: {error.Message}", error);
                    await Task.Delay(Poll);
                }
            }
        }

        return removed;
    }

    private HashSet<int> Processes()
    {
        HashSet<int> processes = [];
        foreach (string file in JoinFiles)
        {
            try
            {
                processes.UnionWith(File.ReadLines(file).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).Where(id => id > 0));
            }
            catch (IOException)
            {
                // The folder is gone.
            }
        }

        return processes;
    }

    private static void Kill(int id)
    {
        try
        {
            using Process process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception error) when (error is ArgumentException or InvalidOperationException)
        {
            // It has ended.
        }
    }
}
