using System.Runtime.CompilerServices;
using Xunit;

namespace AgentRollout.Testing;

/// <summary>Finds files that tests read: those of the repository, and the golden vectors in the <c>shared</c> folder beside it.</summary>
public static class SharedFiles
{
    /// <summary>The repository's root folder.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>A path under the repository's root.</summary>
    public static string InRepository(params ReadOnlySpan<string> parts) => Path.Combine([Repository, .. parts]);

    /// <summary>
    /// A path under <c>../shared</c>. Where it is missing the test is skipped with the reason; with <c>CI=true</c> it fails instead.
    /// </summary>
    public static string InShared(params ReadOnlySpan<string> parts)
    {
        string path = Path.Combine([Path.GetDirectoryName(Repository)!, "shared", .. parts]);
        if (!Path.Exists(path))
            Missing($"'{path}' is not on this machine.");
        return path;
    }

    /// <summary>Skips the running test with a reason; with <c>CI=true</c> fails it, because CI must have everything.</summary>
    public static void Missing(string reason)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail(reason);
        Assert.Skip(reason);
    }

    private static string FindRepository([CallerFilePath] string thisFile = "")
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "AgentRollout.sln")))
                return folder;
        }

        return Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", ".."));
    }
}
