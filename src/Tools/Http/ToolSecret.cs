namespace AgentRollout.Tools.Http;

/// <summary>Where a secret is kept: an environment variable or a file. The secret itself is in no setting, answer, log or error.</summary>
internal readonly record struct ToolSecret(bool IsFile, string Place)
{
    private const string EnvironmentPrefix = "env:";
    private const string FilePrefix = "file:";

    /// <exception cref="ToolException">The reference is neither <c>env:NAME</c> nor <c>file:PATH</c>.</exception>
    public static ToolSecret Parse(string reference)
    {
        if (reference.StartsWith(EnvironmentPrefix, StringComparison.Ordinal) && reference.Length > EnvironmentPrefix.Length)
            return new ToolSecret(false, reference[EnvironmentPrefix.Length..]);
        if (reference.StartsWith(FilePrefix, StringComparison.Ordinal) && reference.Length > FilePrefix.Length)
            return new ToolSecret(true, reference[FilePrefix.Length..]);
        // Not repeated: somebody may have written the secret itself.
        throw new ToolException("A secret must be given as env:NAME or file:PATH, the place where it is kept.");
    }

    /// <exception cref="ToolException">There is no secret, or one that cannot stand in a header.</exception>
    public string Read()
    {
        string? secret = IsFile ? ReadFile() : Environment.GetEnvironmentVariable(Place);
        if (string.IsNullOrEmpty(secret))
            throw new ToolException($"The secret of this tool is missing: {this} is not there or empty.");
        return secret.AsSpan().ContainsAnyExceptInRange(' ', '~') ? throw new ToolException($"The secret of this tool cannot stand in a header: {this}.") : secret;
    }

    public override string ToString() => IsFile ? $"file '{Place}'" : $"environment variable '{Place}'";

    private string? ReadFile()
    {
        try
        {
            return File.ReadAllText(Place).TrimEnd('\r', '\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            return null;
        }
    }
}
