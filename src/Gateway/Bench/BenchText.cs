using System.Text;
using AgentRollout.Gateway.Commands;

namespace AgentRollout.Gateway.Bench;

/// <summary>The text that the tokenizer is measured on.</summary>
internal static class BenchText
{
    /// <summary>A file's text, or the documentation comments of the program: code and prose, small, but there wherever it is installed.</summary>
    /// <exception cref="CommandException">There is no such file, or no text.</exception>
    public static string Read(string? file)
    {
        if (file is not null && !File.Exists(file))
            throw CommandException.Usage($"Text file '{file}' does not exist.");
        string[] files = file is not null
            ? [file]
            : [.. Directory.GetFiles(AppContext.BaseDirectory, "*ollout*.xml").Order(StringComparer.Ordinal)];
        string text = string.Concat(files.Select(path => File.ReadAllText(path, Encoding.UTF8)));
        return text.Length > 0
            ? text
            : throw CommandException.Usage(
                file is null ? "The program's documentation files are not installed; name a text with --text." : $"Text file '{file}' is empty.");
    }
}
