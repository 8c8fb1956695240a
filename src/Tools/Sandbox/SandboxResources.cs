namespace AgentRollout.Tools.Sandbox;

/// <summary>The text files that the assembly carries for sandboxes.</summary>
internal static class SandboxResources
{
    public static string Read(string name)
    {
        using Stream stream = typeof(SandboxResources).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly lacks its resource '{name}'.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
