namespace AgentRollout.Gateway.Commands;

/// <summary>Finds the model that a command works with.</summary>
internal static class ModelFolder
{
    private static readonly string _shipped = Path.Combine("models", "tiny-agent");

    /// <summary>The folder that was asked for, or the shipped model, found from the working directory upwards or beside the program.</summary>
    /// <exception cref="CommandException">There is no such folder.</exception>
    public static string Find(string? asked)
    {
        if (asked is not null)
            return Directory.Exists(asked) ? asked : throw CommandException.Usage($"Model folder '{asked}' does not exist.");
        return FindUpwards(Directory.GetCurrentDirectory())
            ?? FindUpwards(AppContext.BaseDirectory)
            ?? throw CommandException.Usage($"The shipped model '{_shipped}' was not found; name a model folder with --model.");
    }

    private static string? FindUpwards(string? folder)
    {
        for (; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string candidate = Path.Combine(folder, _shipped);
            if (File.Exists(Path.Combine(candidate, "config.json")))
                return candidate;
        }

        return null;
    }
}
