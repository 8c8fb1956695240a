using System.ComponentModel.DataAnnotations;
using System.Text.Json;

namespace AgentRollout.Tools.Http;

/// <summary>An HTTP endpoint as a tool (docs/external-tools.md).</summary>
public record HttpToolDefinition
{
    public const int MostAttempts = 10;
    public const int MostResponseBytes = 64 * 1024 * 1024;

    /// <summary>What the model calls: 1 to 64 letters, digits, underscores and dashes.</summary>
    public required string Name { get; set; }

    /// <summary>What the model reads about it.</summary>
    public required string Description { get; set; }

    /// <summary>JSON schema of the arguments, an object.</summary>
    public required JsonElement Parameters { get; set; }

    /// <summary>
    /// An http or https address. <c>{name}</c> behind the host stands for the argument of that name, which is then not sent again elsewhere; the
    /// schema must require it.
    /// </summary>
    public required string Url { get; set; }

    public HttpToolMethod Method { get; set; }

    /// <summary>A header with a secret; default none.</summary>
    public HttpToolAuth? Auth { get; set; }

    /// <summary>Bounds a call with all its attempts, in seconds. Default 30.</summary>
    [Range(0.1, 3_600.0)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <summary>
    /// How often a call is sent where the server cannot be reached or answers 408, 429, 500, 502, 503 or 504. Default 3 for idempotent methods,
    /// else 1.
    /// </summary>
    [Range(1, MostAttempts)]
    public int? MaxAttempts { get; set; }

    /// <summary>
    /// JSON pointer (RFC 6901) to the part of the answer that the model reads: a string as its text, anything else as JSON. Default: the whole
    /// body as it is.
    /// </summary>
    public string? ResultPointer { get; set; }

    /// <summary>A larger answer is refused. Default 1 MiB.</summary>
    [Range(1, MostResponseBytes)]
    public int MaxResponseBytes { get; set; } = 1024 * 1024;

    /// <summary>Calls in flight at once; others wait within their time-out. Default no bound of its own.</summary>
    [Range(1, 65_536)]
    public int? MaxConcurrentCalls { get; set; }
}
