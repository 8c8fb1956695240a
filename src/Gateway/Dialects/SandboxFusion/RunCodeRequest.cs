using System.Text.Json.Serialization;

namespace AgentRollout.Gateway.Dialects.SandboxFusion;

/// <summary>One program to run. Defaults are the protocol's.</summary>
internal sealed record RunCodeRequest
{
    /// <summary>In seconds. Nothing is compiled here, so it bounds how long the program waits for a sandbox.</summary>
    public double CompileTimeout { get; init; } = 10;

    /// <summary>In seconds, of wall-clock time; the sandbox's own limit may be shorter.</summary>
    public double RunTimeout { get; init; } = 10;

    /// <summary>Address space of each process in MiB; none where it is not positive. The sandbox's own limit holds as well.</summary>
    [JsonPropertyName("memory_limit_MB")]
    public long? MemoryLimitMb { get; init; }

    public string? Code { get; init; }

    public string? Stdin { get; init; }

    public string? Language { get; init; }

    /// <summary>Contents in base64 by path under the folder that the program starts in; null ones are left out.</summary>
    public IReadOnlyDictionary<string, string?>? Files { get; init; }

    /// <summary>Paths of the files to answer with.</summary>
    public IReadOnlyList<string>? FetchFiles { get; init; }
}
