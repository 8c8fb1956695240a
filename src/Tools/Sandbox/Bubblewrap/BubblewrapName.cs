using System.Globalization;

namespace AgentRollout.Tools.Sandbox.Bubblewrap;

/// <summary>The name of a sandbox and of its control group: OWNER~EXPIRY~ID, where the expiry is in seconds since 1970.</summary>
internal static class BubblewrapName
{
    private const char Separator = '~';

    /// <summary>Stands for the slash, which an owner has and a folder's name cannot have.</summary>
    private const char Slash = '+';

    public static string Create(SandboxOptions options, TimeProvider time)
    {
        DateTimeOffset now = time.GetUtcNow();
        string owner = SandboxOwner.Current.Replace('/', Slash);
        return string.Create(
            CultureInfo.InvariantCulture, $"{owner}{Separator}{now.AddSeconds(options.LifetimeSeconds).ToUnixTimeSeconds()}{Separator}{Guid.CreateVersion7(now):N}");
    }

    /// <returns>Whether it is such a name.</returns>
    public static bool TryParse(string name, out string owner, out long expires)
    {
        string[] fields = name.Split(Separator);
        owner = fields[0].Replace(Slash, '/');
        expires = 0;
        return fields.Length == 3 && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out expires);
    }
}
