using System.ComponentModel.DataAnnotations;
using AgentRollout.Tools.Http;

namespace AgentRollout.Tools.Mcp;

/// <summary>An MCP server whose tools are offered: either a program that is started, or an address (docs/external-tools.md).</summary>
public record McpServerDefinition
{
    /// <summary>How errors, logs and listings call the server; unique among them.</summary>
    public required string Name { get; set; }

    /// <summary>The program of a server over standard input and output.</summary>
    public string? Command { get; set; }

    /// <summary>The program's arguments.</summary>
    public IReadOnlyList<string> Args { get; set; } = [];

    /// <summary>The program's environment, beside <c>PATH</c> and <c>HOME</c>, which are all that it gets of this process's.</summary>
    public IReadOnlyDictionary<string, string> Env { get; set; } = new Dictionary<string, string>();

    /// <summary>Members of its environment that are secret: a name, and where the secret is kept, <c>env:NAME</c> or <c>file:PATH</c>.</summary>
    public IReadOnlyDictionary<string, string> SecretEnv { get; set; } = new Dictionary<string, string>();

    /// <summary>The program's working directory; default that of this process.</summary>
    public string? Cwd { get; set; }

    /// <summary>The http or https address of a server over streamable HTTP, or over the older HTTP with server-sent events.</summary>
    public string? Url { get; set; }

    /// <summary>Headers of every request to <see cref="Url"/>. Default none.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; set; } = new Dictionary<string, string>();

    /// <summary>A header with a secret; default none.</summary>
    public HttpToolAuth? Auth { get; set; }

    /// <summary>Bounds a call, in seconds. Default 60.</summary>
    [Range(0.1, 3_600.0)]
    public double TimeoutSeconds { get; set; } = 60;

    /// <summary>Bounds a start until the tools are listed, in seconds. Default 30.</summary>
    [Range(0.1, 600.0)]
    public double StartTimeoutSeconds { get; set; } = 30;

    /// <summary>Calls in flight at once; others wait within their time-out. Default no bound of its own.</summary>
    [Range(1, 65_536)]
    public int? MaxConcurrentCalls { get; set; }

    /// <summary>Calls sent a second, over all tools of the server; others wait within their time-out. Default no bound.</summary>
    [Range(1, 65_536)]
    public int? MaxCallsPerSecond { get; set; }

    /// <summary>The server's names of the tools that are offered. Default all.</summary>
    public IReadOnlyList<string>? Tools { get; set; }

    /// <summary>The server's names of tools that are not offered. Default none.</summary>
    public IReadOnlyList<string> ExcludeTools { get; set; } = [];

    /// <summary>Stands before the name of every tool. Default empty.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>Whether the server is a program of this machine.</summary>
    internal bool IsProgram => Command is not null;
}
